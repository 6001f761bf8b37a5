/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

void er_cumulate_f32_ref(const er_cumulate_f32 *p, const float *input, float *output,
                         void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->outer; i++) {
        for (uint32_t j = 0; j < p->inner; j++) {
            float sum = 0.0f;
            for (uint32_t k = 0; k < p->depth; k++) {
                const uint32_t place = p->reverse ? p->depth - 1 - k : k;
                const uint32_t at = (i * p->depth + place) * p->inner + j;
                const float before = sum;
                sum += input[at];
                output[at] = p->exclusive ? before : sum;
            }
        }
    }
}
