/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_math.h"

void er_log_softmax_f32_ref(const er_rows_f32 *p, const float *input, float *output,
                            void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->depth, output += p->depth) {
        float largest = input[0], sum = 0.0f;
        for (uint32_t i = 1; i < p->depth; i++) {
            largest = input[i] > largest ? input[i] : largest;
        }
        for (uint32_t i = 0; i < p->depth; i++) {
            sum += er_exp(input[i] - largest);
        }
        const float log_sum = er_log(sum);
        for (uint32_t i = 0; i < p->depth; i++) {
            output[i] = input[i] - largest - log_sum;
        }
    }
}
