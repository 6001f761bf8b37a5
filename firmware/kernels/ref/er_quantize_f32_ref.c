/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_nearest.h"

void er_quantize_f32_ref(const er_quantize_f32 *p, const float *input, int8_t *output,
                         void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        const int32_t nearest = er_nearest(input[i] / p->scale);
        output[i] = er_offset_and_clamp(nearest, p->zero, INT8_MIN, INT8_MAX);
    }
}
