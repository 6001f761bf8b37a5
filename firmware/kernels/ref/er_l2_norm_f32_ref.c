/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_math.h"

void er_l2_norm_f32_ref(const er_rows_f32 *p, const float *input, float *output, void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->depth, output += p->depth) {
        float sum = 0.0f;
        for (uint32_t i = 0; i < p->depth; i++) {
            sum += input[i] * input[i];
        }
        const float root = er_sqrt(sum), norm = root > 1e-6f ? root : 1e-6f;
        for (uint32_t i = 0; i < p->depth; i++) {
            output[i] = input[i] / norm;
        }
    }
}
