/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools of int8, four channels at a time; averages round halves away from zero.
 */
#ifndef ER_VEC_POOL_H
#define ER_VEC_POOL_H

#include "er_pools.h"
#include "er_vec.h"

/* The sum, or the largest, of `start` and what a window covers of four channels, from `c` on. */
ER_ALWAYS_INLINE er_quad er_vec_covered(const er_covered in, const int8_t *input, int32_t c,
                                        int32_t start, int average)
{
    const int8_t *line = input + in.start + c;
    er_quad result = er_quad_of(start);
    for (int32_t i = 0; i < in.rows; i++, line += in.row_step) {
        const int8_t *at = line;
        for (int32_t j = 0; j < in.columns; j++, at += in.column_step) {
            const er_quad values = er_quad_load_s8(at);
            result = average ? er_quad_add(result, values) : er_quad_max(result, values);
        }
    }
    return result;
}

/* sum / count, halves away from zero. */
static inline int32_t er_average(int32_t sum, int32_t count)
{
    return (sum + (sum < 0 ? -(count / 2) : count / 2)) / count;
}

static inline er_quad er_quad_average(er_quad sums, int32_t count)
{
    int32_t lane[ER_QUAD];
    er_quad_store(sums, lane);
    for (int32_t i = 0; i < ER_QUAD; i++) {
        lane[i] = er_average(lane[i], count);
    }
    return er_quad_load(lane);
}

ER_ALWAYS_INLINE void er_vec_pool(const er_pool *p, const int8_t *input, int8_t *output,
                                  int average)
{
    const er_window *w = &p->window;
    const er_vec_range range = er_vec_range_of(0, p->act_min, p->act_max);
    const int32_t depth = w->in_c, taps = w->kernel_h * w->kernel_w;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++, output += depth) {
            const er_covered in = er_cover(w, row, column);
            const int32_t inside = in.rows * in.columns, count = p->include_pad ? taps : inside;
            const int32_t padding = p->zero * (count - inside);
            const int32_t start = average ? padding : INT8_MIN;
            int32_t c = 0;
            for (; c + ER_QUAD <= depth; c += ER_QUAD) {
                const er_quad found = er_vec_covered(in, input, c, start, average);
                const er_quad made = average ? er_quad_average(found, count) : found;
                er_quad_store_s8(er_quad_finish(made, range), output + c);
            }
            for (; c < depth; c++) {
                const int32_t made =
                    average ? er_average(er_covered_sum(in, input, c, 0) + padding, count)
                            : er_covered_most(in, input, c, 0);
                output[c] = er_offset_and_clamp(made, 0, p->act_min, p->act_max);
            }
        }
    }
}

#endif
