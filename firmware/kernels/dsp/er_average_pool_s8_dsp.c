/* SPDX-License-Identifier: Apache-2.0
 *
 * Four channels at a time, whose sums are two pairs of int16: at most 256 taps, side by side, of
 * which padding takes no part.
 */
#include "er_attributes.h"
#include "er_dsp.h"
#include "er_kernels.h"
#include "er_patch.h"
#include "er_range.h"

enum { TOGETHER = 4 };

/* The taps of one output, and by what their sum is divided. */
typedef struct {
    const er_pool *p;
    int32_t rows, columns, next_row; /* from the end of a row of taps to the next */
} taps;

/* The average, halves away from zero. */
ER_SMALL int8_t average(const taps *t, int32_t sum)
{
    const int32_t count = t->rows * t->columns;
    const int32_t rounded = (sum + (sum < 0 ? -(count / 2) : count / 2)) / count;
    return er_offset_and_clamp(rounded, 0, t->p->act_min, t->p->act_max);
}

ER_SMALL void average_4(const taps *t, const int8_t *input, int8_t *to)
{
    const int32_t step = t->p->window.in_c;
    er_pair even = 0, odd = 0;
    ER_ROLLED_ALWAYS
    for (int32_t i = t->rows; i > 0; i--, input += t->next_row) {
        ER_ROLLED_ALWAYS
        for (int32_t k = t->columns; k > 0; k--, input += step) {
            const uint32_t bytes = er_load(input);
            even = er_add_even(even, bytes);
            odd = er_add_odd(odd, bytes);
        }
    }
    to[0] = average(t, (int16_t)even);
    to[1] = average(t, (int16_t)odd);
    to[2] = average(t, (int32_t)even >> 16);
    to[3] = average(t, (int32_t)odd >> 16);
}

ER_SMALL void average_1(const taps *t, const int8_t *input, int8_t *to)
{
    int32_t sum = 0;
    for (int32_t i = t->rows; i > 0; i--, input += t->next_row) {
        for (int32_t k = t->columns; k > 0; k--, input += t->p->window.in_c) {
            sum += *input;
        }
    }
    *to = average(t, sum);
}

/* The average over the taps inside the image. */
void er_average_pool_s8_dsp(const er_pool *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->in_c, whole = depth / TOGETHER * TOGETHER;
    int32_t top = -w->pad_top;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        const er_range y = er_taps_inside(top, w->kernel_h, 1, w->in_h);
        int32_t left = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, left += w->stride_w) {
            const er_range x = er_taps_inside(left, w->kernel_w, 1, w->in_w);
            const int32_t columns = x.end - x.first;
            const taps t = {p, y.end - y.first, columns, (w->in_w - columns) * depth};
            const int8_t *image = input + (y.start * w->in_w + x.start) * depth;
            for (int32_t c = 0; c < whole; c += TOGETHER) {
                average_4(&t, image + c, output + c);
            }
            for (int32_t c = whole; c < depth; c++) {
                average_1(&t, image + c, output + c);
            }
            output += depth;
        }
    }
}
