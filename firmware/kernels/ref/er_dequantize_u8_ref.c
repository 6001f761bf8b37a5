/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

void er_dequantize_u8_ref(const er_dequantize *p, const uint8_t *input, float *output,
                          void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        output[i] = (float)(input[i] - p->zero) * p->scale;
    }
}
