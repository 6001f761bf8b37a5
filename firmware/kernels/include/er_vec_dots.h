/* SPDX-License-Identifier: Apache-2.0
 *
 * Inner products of channels with rows of elements. Weights are packed in tiles of four channels by
 * four elements, all tiles of four channels one behind the other; what is missing at the end is 0.
 * Bias and factors are filled up to whole fours as well. Rows hold `depth` elements, rounded up to
 * four.
 */
#ifndef ER_VEC_DOTS_H
#define ER_VEC_DOTS_H

#include "er_vec.h"

enum { ER_ROWS = 4, ER_MOST_TILES = 4 };

/* `depth` rounded up to whole tiles. */
static inline int32_t er_padded(int32_t depth)
{
    return (depth + 3) & ~3;
}

/* Rows times channels, to `out_c` channels a row. The step between factors is 0 or 1. */
typedef struct {
    const int8_t *weights;
    const int32_t *bias, *mantissa;
    const int8_t *shift;
    er_vec_range range;
    int32_t padded, out_c, factor_step;
    int once; /* whether some factors are marked to be rounded once */
} er_vec_layer;

/* `rows` rows with 4 * `tiles` channels from `channel` on; both are constants to the compiler. */
ER_ALWAYS_INLINE void er_vec_block(const er_vec_layer l, const int8_t *x, int32_t channel,
                                   int8_t *output, const int rows, const int tiles)
{
    const int8_t *weights = l.weights + channel * l.padded;
    er_dots dots[ER_ROWS][ER_MOST_TILES];
    ER_UNROLLED
    for (int r = 0; r < rows; r++) {
        ER_UNROLLED
        for (int t = 0; t < tiles; t++) {
            dots[r][t] = er_dots_none();
        }
    }
    for (int32_t k = 0; k < l.padded; k += 4) {
        er_tile tile[ER_MOST_TILES];
        ER_UNROLLED
        for (int t = 0; t < tiles; t++) {
            tile[t] = er_tile_load(weights + 4 * t * l.padded + 4 * k);
        }
        ER_UNROLLED
        for (int r = 0; r < rows; r++) {
            const er_inputs inputs = er_inputs_load(x + r * l.padded + k);
            ER_UNROLLED
            for (int t = 0; t < tiles; t++) {
                dots[r][t] = er_dots_add(dots[r][t], tile[t], inputs);
            }
        }
    }
    ER_UNROLLED
    for (int t = 0; t < tiles; t++) {
        const int32_t first = channel + ER_QUAD * t;
        const int32_t *mantissa = l.mantissa + first * l.factor_step;
        const int8_t *shift = l.shift + first * l.factor_step;
        const er_quad bias = er_quad_load(l.bias + first);
        const er_factors factors = er_factors_load(mantissa, shift);
        ER_UNROLLED
        for (int r = 0; r < rows; r++) {
            const er_quad sums = er_quad_add(er_dots_sum(dots[r][t]), bias);
            const er_quad scaled = ER_ROUNDS_ONCE && l.once
                                       ? er_quad_multiply_once(sums, mantissa, shift)
                                       : er_quad_multiply(sums, factors);
            er_quad_store_some(er_quad_finish(scaled, l.range), l.out_c - first,
                               output + r * l.out_c + first);
        }
    }
}

/* One row with all channels. */
ER_NEVER_INLINE void er_vec_row(const er_vec_layer *l, const int8_t *x, int8_t *output)
{
    int32_t channel = 0;
    for (; channel + 3 * ER_QUAD < l->out_c; channel += 4 * ER_QUAD) {
        er_vec_block(*l, x, channel, output, 1, 4);
    }
    for (; channel < l->out_c; channel += ER_QUAD) {
        er_vec_block(*l, x, channel, output, 1, 1);
    }
}

/* Copies `count` bytes, at least one; the last of them may be copied twice. */
static inline void er_vec_copy(const int8_t *from, int32_t count, int8_t *to)
{
    if (count >= 16) {
        for (int32_t i = 0; i < count - 16; i += 16) {
            __builtin_memcpy(to + i, from + i, 16);
        }
        __builtin_memcpy(to + count - 16, from + count - 16, 16);
    } else if (count >= 8) {
        __builtin_memcpy(to, from, 8);
        __builtin_memcpy(to + count - 8, from + count - 8, 8);
    } else if (count >= 4) {
        __builtin_memcpy(to, from, 4);
        __builtin_memcpy(to + count - 4, from + count - 4, 4);
    } else {
        to[0] = from[0];
        to[count / 2] = from[count / 2];
        to[count - 1] = from[count - 1];
    }
}

#endif
