/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_nibbles.h"
#include "er_patch.h"

/* As er_conv_s8_ref, weights two a byte; those of a channel start with a byte. */
void er_conv_s8w4_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            const int8_t *weights = p->weights;
            er_patch(w, input, row, column, p->in_zero, scratch);
            for (int32_t c = 0; c < w->out_c; c++, weights += (depth + 1) / 2) {
                const uint32_t sum = er_dot_nibbles(scratch, weights, depth, (uint32_t)p->bias[c]);
                const int32_t scaled = er_multiply((int32_t)sum, p->mantissa[c], p->shift[c]);
                *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
            }
        }
    }
}
