/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops of pools: over pixels and channels, and over the elements of the image in a window.
 */
#ifndef ER_POOLS_H
#define ER_POOLS_H

#include "er_kernels.h"
#include "er_range.h"
#include "er_rounding.h"
#include "er_stored.h"

/* The elements of one channel in a window: `rows` lines, `row_step` apart, of `columns` elements,
 * `column_step` apart, from number `start` on. */
typedef struct {
    int32_t start, rows, columns;
    int32_t row_step, column_step;
} er_covered;

/* What the window of the output pixel at `row`, `column` covers of channel 0. */
static inline er_covered er_cover(const er_window *w, int32_t row, int32_t column)
{
    const er_range y = er_taps_inside(row * w->stride_h - w->pad_top, w->kernel_h, w->dilation_h,
                                      w->in_h);
    const er_range x = er_taps_inside(column * w->stride_w - w->pad_left, w->kernel_w,
                                      w->dilation_w, w->in_w);
    const int32_t depth = w->in_c;
    const er_covered covered = {
        (y.start * w->in_w + x.start) * depth,
        y.end - y.first,
        x.end - x.first,
        w->dilation_h * w->in_w * depth,
        w->dilation_w * depth,
    };
    return covered;
}

ER_ALWAYS_INLINE int32_t er_covered_sum(const er_covered in, const void *input, int32_t channel,
                                        int wide)
{
    const int32_t size = wide ? 2 : 1;
    const char *line = (const char *)input + (in.start + channel) * size;
    int32_t sum = 0;
    for (int32_t i = 0; i < in.rows; i++, line += in.row_step * size) {
        const char *at = line;
        for (int32_t j = 0; j < in.columns; j++, at += in.column_step * size) {
            sum += er_load(at, 0, wide);
        }
    }
    return sum;
}

ER_ALWAYS_INLINE int32_t er_covered_most(const er_covered in, const void *input, int32_t channel,
                                         int wide)
{
    const int32_t size = wide ? 2 : 1;
    const char *line = (const char *)input + (in.start + channel) * size;
    int32_t most = INT16_MIN;
    for (int32_t i = 0; i < in.rows; i++, line += in.row_step * size) {
        const char *at = line;
        for (int32_t j = 0; j < in.columns; j++, at += in.column_step * size) {
            const int32_t value = er_load(at, 0, wide);
            most = value > most ? value : most;
        }
    }
    return most;
}

/* sum / count, halves to even. */
static inline int32_t er_average_to_even(int32_t sum, int32_t count)
{
    const int32_t doubled = 2 * sum + count, twice = 2 * count;
    const int32_t quotient = doubled / twice, rest = doubled % twice;
    const int32_t up = rest < 0 ? quotient - 1 : quotient;
    return rest == 0 ? up - (up & 1) : up;
}

ER_ALWAYS_INLINE void er_pool_all(const er_pool *p, const void *input, void *output, int average,
                                  int wide)
{
    const er_window *w = &p->window;
    const int32_t depth = w->in_c, taps = w->kernel_h * w->kernel_w;
    const int32_t low = p->act_min, high = p->act_max;
    uint32_t made = 0;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            const er_covered in = er_cover(w, row, column);
            const int32_t inside = in.rows * in.columns, count = p->include_pad ? taps : inside;
            const int32_t padding = p->zero * (count - inside);
            for (int32_t c = 0; c < depth; c++) {
                int32_t value;
                if (average) {
                    value = er_covered_sum(in, input, c, wide) + padding;
                    if (ER_ROUNDS_ONCE && p->to_even) {
                        value = er_average_to_even(value - count * p->zero, count) + p->zero;
                    } else {
                        value = (value + (value < 0 ? -(count / 2) : count / 2)) / count;
                    }
                } else {
                    value = er_covered_most(in, input, c, wide);
                }
                er_store(output, made++, er_clamp(value, low, high), wide);
            }
        }
    }
}

#endif
