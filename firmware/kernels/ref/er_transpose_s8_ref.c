/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

void er_transpose_s8_ref(const er_transpose *p, const int8_t *input, int8_t *output, void *scratch)
{
    const uint32_t *n = p->shape, *step = p->stride;
    (void)scratch;
    for (uint32_t i = 0; i < n[0]; i++) {
        for (uint32_t j = 0; j < n[1]; j++) {
            for (uint32_t k = 0; k < n[2]; k++) {
                const int8_t *line = input + i * step[0] + j * step[1] + k * step[2];
                for (uint32_t m = 0; m < n[3]; m++) {
                    *output++ = line[m * step[3]];
                }
            }
        }
    }
}
