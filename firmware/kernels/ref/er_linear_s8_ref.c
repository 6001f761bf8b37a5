/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dot.h"
#include "er_fixed.h"
#include "er_kernels.h"

/* Weights are OI; the input's zero point is folded into the bias. */
void er_linear_s8_ref(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->in) {
        const int8_t *weights = p->weights;
        for (uint32_t c = 0; c < p->out; c++, weights += p->in) {
            const int32_t sum = er_dot(input, weights, p->in, p->bias[c]);
            const int32_t scaled = er_multiply(sum, p->mantissa[c], p->shift[c]);
            *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
        }
    }
}
