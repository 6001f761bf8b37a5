/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"

void er_requantize_s8u8_ref(const er_requantize *p, const int8_t *input, uint8_t *output,
                            void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        const int32_t value = input[i] - p->in_zero;
        const int32_t scaled = er_multiply(value, p->factor.mantissa, p->factor.shift);
        output[i] = (uint8_t)er_bounded(scaled, p->out_zero, 0, UINT8_MAX);
    }
}
