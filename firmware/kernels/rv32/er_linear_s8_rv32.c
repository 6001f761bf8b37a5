/* SPDX-License-Identifier: Apache-2.0
 *
 * Four outputs at a time. The input's zero point is folded into the bias.
 */
#include "er_four.h"
#include "er_kernels.h"
#include "er_patch.h"
#include "er_rv32.h"

void er_linear_s8_rv32(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = (int32_t)p->in, out = (int32_t)p->out;
    const er_bounds bounds = {2 * p->out_zero + 1, p->act_min, p->act_max};
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += depth) {
        const int8_t *weights = p->weights;
        for (int32_t first = 0; first < out; first += ER_CHANNELS, weights += ER_CHANNELS * depth) {
            const int32_t count = er_least(ER_CHANNELS, out - first);
            uint32_t sums[ER_CHANNELS] = {0};
            for (int32_t i = 0; i < count; i++) {
                sums[i] = (uint32_t)p->bias[first + i];
            }
            er_multiply_one(weights, input, depth, sums);
            for (int32_t i = 0; i < count; i++) {
                const uint32_t at = p->scale_step * (uint32_t)first + (uint32_t)i;
                const er_factor factor = er_factor_of(p->mantissa[at], p->shift[at]);
                *output++ = er_scale((int32_t)sums[i], factor, bounds);
            }
        }
    }
}
