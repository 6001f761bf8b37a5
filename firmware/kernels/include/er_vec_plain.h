/* SPDX-License-Identifier: Apache-2.0
 *
 * er_vec.h in plain C.
 */
#ifndef ER_VEC_PLAIN_H
#define ER_VEC_PLAIN_H

#include "er_fixed.h"

#define ER_LANES for (int32_t i = 0; i < 4; i++)

typedef struct {
    int32_t lane[4];
} er_quad;

typedef struct {
    int8_t lane[16];
} er_tile;

typedef struct {
    int8_t lane[4];
} er_inputs;

typedef er_quad er_dots;

static inline er_quad er_quad_of(int32_t value)
{
    const er_quad result = {{value, value, value, value}};
    return result;
}

static inline er_quad er_quad_load(const int32_t *from)
{
    const er_quad result = {{from[0], from[1], from[2], from[3]}};
    return result;
}

static inline void er_quad_store(er_quad a, int32_t *to)
{
    ER_LANES to[i] = a.lane[i];
}

static inline er_quad er_quad_load_s8(const int8_t *from)
{
    const er_quad result = {{from[0], from[1], from[2], from[3]}};
    return result;
}

static inline void er_quad_store_s8(er_quad a, int8_t *to)
{
    ER_LANES to[i] = (int8_t)a.lane[i];
}

static inline er_quad er_quad_add(er_quad a, er_quad b)
{
    ER_LANES a.lane[i] = er_wrapping_add(a.lane[i], b.lane[i]);
    return a;
}

static inline er_quad er_quad_sub(er_quad a, er_quad b)
{
    ER_LANES a.lane[i] = (int32_t)((uint32_t)a.lane[i] - (uint32_t)b.lane[i]);
    return a;
}

static inline er_quad er_quad_min(er_quad a, er_quad b)
{
    ER_LANES a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}

static inline er_quad er_quad_max(er_quad a, er_quad b)
{
    ER_LANES a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}

static inline er_quad er_quad_shift_left(er_quad a, er_quad n)
{
    ER_LANES a.lane[i] = er_shift_left(a.lane[i], n.lane[i]);
    return a;
}

static inline er_quad er_quad_high(er_quad a, er_quad b)
{
    ER_LANES a.lane[i] = er_high(a.lane[i], b.lane[i]);
    return a;
}

static inline er_quad er_quad_rounding_shift_right(er_quad a, er_quad n)
{
    ER_LANES a.lane[i] = er_rounding_shift_right(a.lane[i], n.lane[i]);
    return a;
}

static inline er_tile er_tile_load(const int8_t *from)
{
    er_tile tile;
    __builtin_memcpy(tile.lane, from, sizeof tile.lane);
    return tile;
}

static inline er_inputs er_inputs_load(const int8_t *from)
{
    er_inputs x;
    __builtin_memcpy(x.lane, from, sizeof x.lane);
    return x;
}

static inline er_dots er_dots_none(void)
{
    return er_quad_of(0);
}

/* Written out, four products together, for compilers to find vectors in. */
static inline er_dots er_dots_add(er_dots dots, er_tile weights, er_inputs x)
{
    ER_LANES {
        const int8_t *w = weights.lane + 4 * i;
        const int32_t sum =
            w[0] * x.lane[0] + w[1] * x.lane[1] + w[2] * x.lane[2] + w[3] * x.lane[3];
        dots.lane[i] = er_wrapping_add(dots.lane[i], sum);
    }
    return dots;
}

static inline er_quad er_dots_sum(er_dots dots)
{
    return dots;
}

/* Adds the products of eight channels to their sums. */
static inline void er_add_products_8(er_quad *sums, const int8_t *x, const int8_t *weights)
{
    for (int32_t i = 0; i < 8; i++) {
        int32_t *sum = &sums[i / 4].lane[i % 4];
        *sum = er_wrapping_add(*sum, x[i] * weights[i]);
    }
}

static inline void er_add_products_16(er_quad *sums, const int8_t *x, const int8_t *weights)
{
    er_add_products_8(sums, x, weights);
    er_add_products_8(sums + 2, x + 8, weights + 8);
}

#undef ER_LANES

#endif
