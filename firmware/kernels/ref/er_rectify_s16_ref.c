/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"

/* A factor for positive numbers and one for negative ones: ReLU, leaky ReLU, the absolute value. */
void er_rectify_s16_ref(const er_rectify_s16 *p, const int16_t *input, int16_t *output,
                        void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        const int32_t value = input[i] - p->in_zero;
        const er_multiplier factor = value < 0 ? p->negative : p->positive;
        const int32_t scaled = er_multiply(value, factor.mantissa, factor.shift);
        output[i] = (int16_t)er_bounded(scaled, p->out_zero, p->act_min, p->act_max);
    }
}
