/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"

void er_requantize_s8s16_ref(const er_requantize *p, const int8_t *input, int16_t *output,
                             void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        const int32_t value = input[i] - p->in_zero;
        const int32_t scaled = er_multiply(value, p->factor.mantissa, p->factor.shift);
        output[i] = (int16_t)er_bounded(scaled, p->out_zero, INT16_MIN, INT16_MAX);
    }
}
