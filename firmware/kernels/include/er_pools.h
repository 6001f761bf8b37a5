/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops of pools: over pixels and channels, and over the elements of the image in a window.
 */
#ifndef ER_POOLS_H
#define ER_POOLS_H

#include "er_kernels.h"
#include "er_range.h"
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

/* Averages round halves away from zero. */
ER_ALWAYS_INLINE int32_t er_average(const er_pool *p, const er_covered *in, const void *input,
                                    int32_t channel, int wide)
{
    const int32_t taps = p->window.kernel_h * p->window.kernel_w;
    int32_t count = in->rows * in->columns, sum = 0, line = in->start + channel;
    for (int32_t i = 0; i < in->rows; i++, line += in->row_step) {
        int32_t at = line;
        for (int32_t j = 0; j < in->columns; j++, at += in->column_step) {
            sum += er_load(input, (uint32_t)at, wide);
        }
    }
    if (p->include_pad) {
        sum += p->zero * (taps - count);
        count = taps;
    }
    return (sum + (sum < 0 ? -(count / 2) : count / 2)) / count;
}

ER_ALWAYS_INLINE int32_t er_largest(const er_covered *in, const void *input, int32_t channel,
                                    int wide)
{
    int32_t most = INT16_MIN, line = in->start + channel;
    for (int32_t i = 0; i < in->rows; i++, line += in->row_step) {
        int32_t at = line;
        for (int32_t j = 0; j < in->columns; j++, at += in->column_step) {
            const int32_t value = er_load(input, (uint32_t)at, wide);
            most = value > most ? value : most;
        }
    }
    return most;
}

ER_ALWAYS_INLINE void er_pool_all(const er_pool *p, const void *input, void *output, int average,
                                  int wide)
{
    const er_window *w = &p->window;
    uint32_t made = 0;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            const er_covered in = er_cover(w, row, column);
            for (int32_t c = 0; c < w->in_c; c++) {
                const int32_t value =
                    average ? er_average(p, &in, input, c, wide) : er_largest(&in, input, c, wide);
                er_store(output, made++, er_clamp(value, p->act_min, p->act_max), wide);
            }
        }
    }
}

#endif
