/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"

void er_requantize_s8_ref(const er_requantize *p, const int8_t *input, int8_t *output,
                          void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        const int32_t scaled =
            er_multiply(input[i] - p->in_zero, p->factor.mantissa, p->factor.shift);
        output[i] = er_offset_and_clamp(scaled, p->out_zero, INT8_MIN, INT8_MAX);
    }
}
