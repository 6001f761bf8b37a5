/* SPDX-License-Identifier: Apache-2.0
 *
 * Four outputs at a time. Weights are OI; the input's zero point is folded into the bias.
 */
#include "er_kernels.h"
#include "er_m0.h"

void er_linear_s8_m0(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = (int32_t)p->in, out = (int32_t)p->out;
    er_four four = {.twice_zero_and_one = 2 * p->out_zero + 1,
                    .low = p->act_min,
                    .high = p->act_max};
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, output += out) {
        input += depth;
        er_multiply_all(&four, input, depth, out, p->weights, p->bias, p->mantissa, p->shift,
                        p->scale_step, output);
    }
}
