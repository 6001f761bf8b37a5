/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dot.h"
#include "er_factors.h"
#include "er_kernels.h"
#include "er_patch.h"

static inline void store(const er_conv_s8 *p, int32_t channel, uint32_t sum, int8_t *output)
{
    const int32_t scaled = er_scale(p, sum, channel);
    output[channel] = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
}

/* All channels of one pixel, two at once; a last one by itself is made twice, which takes less code
 * than a loop of its own. */
static void multiply(const er_conv_s8 *p, const int8_t *patch, int32_t depth, int8_t *output)
{
    const int8_t *weights = p->weights;
    for (int32_t channel = 0; channel < p->window.out_c; channel += 2, weights += 2 * depth) {
        const int32_t more = channel + 1 < p->window.out_c, second = channel + more;
        uint32_t sums[2] = {(uint32_t)p->bias[channel], (uint32_t)p->bias[second]};
        er_dot_2(patch, weights, weights + more * depth, depth, sums);
        store(p, channel, sums[0], output);
        store(p, second, sums[1], output);
    }
}

/* Weights are OHWI. The input's zero point is folded into the bias, so what lies outside the image
 * reads as the zero point. Each output pixel's patch is copied to `scratch` first; after that its
 * input may be overwritten. */
void er_conv_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++, output += w->out_c) {
            er_patch(w, input, row, column, p->in_zero, scratch);
            multiply(p, scratch, depth, output);
        }
    }
}
