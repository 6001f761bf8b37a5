/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

void er_clamp_s8_ref(const er_clamp_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t low = p->low, high = p->high;
    const uint32_t count = p->elements;
    (void)scratch;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t raised = input[i] < low ? low : input[i];
        output[i] = (int8_t)(raised > high ? high : raised);
    }
}
