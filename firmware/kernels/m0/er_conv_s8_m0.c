/* SPDX-License-Identifier: Apache-2.0
 *
 * Four channels of a pixel at a time. Weights are OHWI; the input's zero point is folded into the
 * bias, so what lies outside the image reads as the zero point. Each output pixel's patch is copied
 * to `scratch` first, unless it lies side by side; after that its input may be overwritten.
 */
#include "er_kernels.h"
#include "er_m0.h"
#include "er_patch.h"

void er_conv_s8_m0(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    er_four four = {.twice_zero_and_one = 2 * p->out_zero + 1,
                    .low = p->act_min,
                    .high = p->act_max};
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++, output += w->out_c) {
            const int8_t *patch = scratch;
            if (scratch == NULL) {
                patch = input + (row * w->stride_h * w->in_w + column * w->stride_w) * depth;
            } else {
                er_patch(w, input, row, column, p->in_zero, scratch);
            }
            er_multiply_all(&four, patch + depth, depth, w->out_c, p->weights, p->bias, p->mantissa,
                            p->shift, 1, output);
        }
    }
}
