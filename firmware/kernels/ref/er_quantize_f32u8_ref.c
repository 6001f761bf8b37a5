/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_nearest.h"

void er_quantize_f32u8_ref(const er_quantize_f32 *p, const float *input, uint8_t *output,
                           void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        output[i] = (uint8_t)er_bounded(er_nearest(input[i] / p->scale), p->zero, 0, UINT8_MAX);
    }
}
