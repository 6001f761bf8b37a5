/* SPDX-License-Identifier: Apache-2.0 */
#include "er_attributes.h"
#include "er_factors.h"
#include "er_kernels.h"
#include "er_range.h"

/* Adds one tap to the sums of all channels, each input channel serving `multiplier` of them. */
static void add_tap(const int8_t *input, const int8_t *weights, int32_t zero, int32_t channels,
                    int32_t multiplier, uint32_t *sums)
{
    if (multiplier == 1) {
        ER_ROLLED
        for (int32_t c = 0; c < channels; c++) {
            sums[c] += (uint32_t)((input[c] - zero) * weights[c]);
        }
        return;
    }
    for (int32_t c = 0; c < channels; c++) {
        for (int32_t i = 0; i < multiplier; i++) {
            *sums++ += (uint32_t)((input[c] - zero) * *weights++);
        }
    }
}

/* Weights are 1HWO. `scratch` holds a sum for each output channel. */
void er_depthwise_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t in_c = w->in_c, out_c = w->out_c, multiplier = out_c / in_c;
    uint32_t *sums = scratch;
    int32_t top = -w->pad_top;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        const er_range y = er_taps_inside(top, w->kernel_h, w->dilation_h, w->in_h);
        int32_t left = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, left += w->stride_w) {
            const er_range x = er_taps_inside(left, w->kernel_w, w->dilation_w, w->in_w);
            for (int32_t c = 0; c < out_c; c++) {
                sums[c] = (uint32_t)p->bias[c];
            }
            for (int32_t i = y.first; i < y.end; i++) {
                const int32_t image_row = top + i * w->dilation_h;
                for (int32_t j = x.first; j < x.end; j++) {
                    const int32_t pixel = image_row * w->in_w + left + j * w->dilation_w;
                    add_tap(input + pixel * in_c, p->weights + (i * w->kernel_w + j) * out_c,
                            p->in_zero, in_c, multiplier, sums);
                }
            }
            for (int32_t c = 0; c < out_c; c++) {
                const int32_t scaled = er_scale(p, sums[c], c);
                *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
            }
        }
    }
}
