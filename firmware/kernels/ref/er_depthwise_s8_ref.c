/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_range.h"

/* The sum of one output channel; `input` and `weights` are at the first tap inside the image. */
static int32_t sum_taps(const er_conv_s8 *p, const int8_t *input, const int8_t *weights,
                        int32_t rows, int32_t columns, int32_t sum)
{
    const er_window *w = &p->window;
    const int32_t step = w->dilation_w * w->in_c;
    const int32_t next_row = w->dilation_h * w->in_w * w->in_c - columns * step;
    const int32_t next_weights = (w->kernel_w - columns) * w->out_c;
    uint32_t total = (uint32_t)sum;
    for (; rows > 0; rows--, input += next_row, weights += next_weights) {
        for (int32_t i = columns; i > 0; i--, input += step, weights += w->out_c) {
            total += (uint32_t)((*input - p->in_zero) * *weights);
        }
    }
    return (int32_t)total;
}

/* Weights are 1HWO. Output channel c reads input channel c / multiplier. */
void er_depthwise_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t multiplier = w->out_c / w->in_c;
    int32_t top = -w->pad_top;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        const er_range y = er_taps_inside(top, w->kernel_h, w->dilation_h, w->in_h);
        int32_t left = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, left += w->stride_w) {
            const er_range x = er_taps_inside(left, w->kernel_w, w->dilation_w, w->in_w);
            const int8_t *image = input + (y.start * w->in_w + x.start) * w->in_c;
            const int8_t *weights = p->weights + (y.first * w->kernel_w + x.first) * w->out_c;
            for (int32_t c = 0, repeat = 0; c < w->out_c; c++) {
                const int32_t sum = sum_taps(p, image, weights + c, y.end - y.first,
                                             x.end - x.first, p->bias[c]);
                const int32_t scaled = er_multiply(sum, p->mantissa[c], p->shift[c]);
                *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
                if (++repeat == multiplier) {
                    repeat = 0;
                    image++;
                }
            }
        }
    }
}
