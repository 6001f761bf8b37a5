/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dot.h"
#include "er_fixed.h"
#include "er_kernels.h"

static inline void store(const er_linear_s8 *p, uint32_t channel, uint32_t sum, int8_t *output)
{
    const uint32_t i = channel * p->scale_step;
    const int32_t scaled = er_multiply((int32_t)sum, p->mantissa[i], p->shift[i]);
    output[channel] = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
}

/* Weights are OI; the input's zero point is folded into the bias. Two channels at once, a last one by
 * itself twice. */
void er_linear_s8_ref(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = (int32_t)p->in;
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += depth, output += p->out) {
        const int8_t *weights = p->weights;
        for (uint32_t channel = 0; channel < p->out; channel += 2, weights += 2 * depth) {
            const uint32_t more = channel + 1 < p->out, second = channel + more;
            uint32_t sums[2] = {(uint32_t)p->bias[channel], (uint32_t)p->bias[second]};
            er_dot_2(input, weights, weights + (int32_t)more * depth, depth, sums);
            store(p, channel, sums[0], output);
            store(p, second, sums[1], output);
        }
    }
}
