/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_sigmoid.h"

void er_logistic_s16_ref(const er_sigmoid_s16 *p, const int16_t *input, int16_t *output,
                        void *scratch)
{
    const int32_t half = (1 << p->shift) >> 1;
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        output[i] = er_sigmoid16((input[i] * p->factor + half) >> p->shift);
    }
}
