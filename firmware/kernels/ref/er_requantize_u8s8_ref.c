/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"

void er_requantize_u8s8_ref(const er_requantize *p, const uint8_t *input, int8_t *output,
                            void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        const int32_t value = input[i] - p->in_zero;
        const int32_t scaled = er_multiply(value, p->factor.mantissa, p->factor.shift);
        output[i] = (int8_t)er_bounded(scaled, p->out_zero, INT8_MIN, INT8_MAX);
    }
}
