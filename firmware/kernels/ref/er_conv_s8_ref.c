/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dot.h"
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_patch.h"

/* Weights are OHWI. The input's zero point is folded into the bias, so what lies outside the image
 * reads as the zero point. Each output pixel's patch is copied to `scratch` first; after that its
 * input may be overwritten. */
void er_conv_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const uint32_t depth = (uint32_t)w->kernel_h * w->kernel_w * w->in_c;
    int8_t *patch = scratch;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            const int8_t *weights = p->weights;
            er_patch(w, input, row, column, p->in_zero, patch);
            for (int32_t c = 0; c < w->out_c; c++, weights += depth) {
                const int32_t sum = er_dot(patch, weights, depth, p->bias[c]);
                const int32_t scaled = er_multiply(sum, p->mantissa[c], p->shift[c]);
                *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
            }
        }
    }
}
