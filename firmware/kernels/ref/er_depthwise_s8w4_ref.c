/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_nibbles.h"
#include "er_range.h"

/* The sum of one channel at one place. `start` is the index of the first element below the kernel,
 * which may lie outside of the image. */
static uint32_t add_taps(const er_conv_s8 *p, const int8_t *input, int32_t start,
                         const int8_t *weights, er_range y, er_range x, uint32_t sum)
{
    const er_window *w = &p->window;
    for (int32_t i = y.first; i < y.end; i++) {
        for (int32_t j = x.first; j < x.end; j++) {
            const int32_t pixel = i * w->dilation_h * w->in_w + j * w->dilation_w;
            const int32_t weight = er_nibble(weights, i * w->kernel_w + j);
            sum += (uint32_t)((input[start + pixel * w->in_c] - p->in_zero) * weight);
        }
    }
    return sum;
}

/* As er_depthwise_s8_ref, but channel by channel: weights are OHW, two a byte, and those of a
 * channel start with a byte. */
void er_depthwise_s8w4_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t multiplier = w->out_c / w->in_c, bytes = (w->kernel_h * w->kernel_w + 1) / 2;
    int32_t top = -w->pad_top;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        const er_range y = er_taps_inside(top, w->kernel_h, w->dilation_h, w->in_h);
        int32_t left = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, left += w->stride_w) {
            const er_range x = er_taps_inside(left, w->kernel_w, w->dilation_w, w->in_w);
            for (int32_t c = 0; c < w->out_c; c++) {
                const int32_t start = (top * w->in_w + left) * w->in_c + c / multiplier;
                const uint32_t sum = add_taps(p, input, start, p->weights + c * bytes, y, x,
                                              (uint32_t)p->bias[c]);
                const int32_t scaled = er_multiply((int32_t)sum, p->mantissa[c], p->shift[c]);
                *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
            }
        }
    }
}
