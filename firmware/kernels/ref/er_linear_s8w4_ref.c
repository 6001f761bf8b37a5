/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_nibbles.h"

/* As er_linear_s8_ref, weights two a byte; those of a channel start with a byte. */
void er_linear_s8w4_ref(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = (int32_t)p->in;
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += depth) {
        const int8_t *weights = p->weights;
        for (uint32_t c = 0; c < p->out; c++, weights += (depth + 1) / 2) {
            const uint32_t sum = er_dot_nibbles(input, weights, depth, (uint32_t)p->bias[c]);
            const uint32_t i = c * p->scale_step;
            const int32_t scaled = er_multiply((int32_t)sum, p->mantissa[i], p->shift[i]);
            *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
        }
    }
}
