/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_nearest.h"

void er_quantize_f32s16_ref(const er_quantize_f32 *p, const float *input, int16_t *output,
                            void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        output[i] = (int16_t)er_bounded(er_nearest(input[i] / p->scale), p->zero, INT16_MIN,
            INT16_MAX);
    }
}
