/* SPDX-License-Identifier: Apache-2.0 */
#include "er_add.h"
#include "er_kernels.h"

void er_add_s8_ref(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        output[i] = (int8_t)er_sum(p, a[i], b[i], 20);
    }
}
