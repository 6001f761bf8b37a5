/* SPDX-License-Identifier: Apache-2.0
 *
 * What the `vec` kernels are made of: registers of 16 bytes or more, by NEON, by AVX2, or by plain
 * C for all other cores. The three headers declare the same:
 *
 *     er_quad     four int32_t, a channel each
 *     er_tile     16 weights: four channels by four elements
 *     er_inputs   four elements, for each of four channels
 *     er_dots     the inner products of four channels, in parts
 */
#ifndef ER_VEC_H
#define ER_VEC_H

#include "er_attributes.h"
#include "er_fixed.h"
#include "er_kernels.h"

enum { ER_QUAD = 4 };

#if defined(__aarch64__) && defined(__ARM_NEON)
#include "er_vec_neon.h"
#elif defined(__AVX2__)
#include "er_vec_avx2.h"
#else
#include "er_vec_plain.h"
#endif

/* Factors of four channels: mantissas, and shifts to the left and to the right. */
typedef struct {
    er_quad mantissa, left, right;
} er_factors;

static inline er_factors er_factors_of(er_quad mantissa, er_quad shift)
{
    const er_quad zero = er_quad_of(0);
    const er_factors factors = {
        mantissa, er_quad_max(shift, zero), er_quad_max(er_quad_sub(zero, shift), zero)};
    return factors;
}

static inline er_factors er_factors_load(const int32_t *mantissa, const int8_t *shift)
{
    return er_factors_of(er_quad_load(mantissa), er_quad_load_s8(shift));
}

/* Each lane by its factor, rounded twice. */
static inline er_quad er_quad_multiply(er_quad a, er_factors factors)
{
    const er_quad high = er_quad_high(er_quad_shift_left(a, factors.left), factors.mantissa);
    return er_quad_rounding_shift_right(high, factors.right);
}

/* The same by factors of which some are marked to be rounded once. */
ER_SHARED er_quad er_quad_multiply_once(er_quad a, const int32_t *mantissa, const int8_t *shift)
{
    int32_t lane[ER_QUAD];
    er_quad_store(a, lane);
    for (int32_t i = 0; i < ER_QUAD; i++) {
        lane[i] = er_multiply(lane[i], mantissa[i], shift[i]);
    }
    return er_quad_load(lane);
}

/* Whether any of the first `count` factors is marked so. */
static inline int er_any_rounds_once(const int8_t *shift, int32_t count)
{
    int any = 0;
    for (int32_t i = 0; ER_ROUNDS_ONCE && i < count; i++) {
        any |= er_rounds_once(shift[i]);
    }
    return any;
}

/* The zero point and the bounds of outputs. The bounds are taken first: the sum may not fit. */
typedef struct {
    er_quad zero, low, high;
} er_vec_range;

static inline er_vec_range er_vec_range_of(int32_t zero, int32_t low, int32_t high)
{
    const er_vec_range range = {er_quad_of(zero), er_quad_of(low - zero), er_quad_of(high - zero)};
    return range;
}

static inline er_quad er_quad_finish(er_quad scaled, er_vec_range range)
{
    return er_quad_add(er_quad_min(er_quad_max(scaled, range.low), range.high), range.zero);
}

/* Stores the first `count` lanes, of which there may be more than four. */
static inline void er_quad_store_some(er_quad a, int32_t count, int8_t *to)
{
    int32_t lane[ER_QUAD];
    if (count >= ER_QUAD) {
        er_quad_store_s8(a, to);
        return;
    }
    er_quad_store(a, lane);
    to[0] = (int8_t)lane[0];
    if (count > 1) {
        to[1] = (int8_t)lane[1];
    }
    if (count > 2) {
        to[2] = (int8_t)lane[2];
    }
}

#endif
