/* SPDX-License-Identifier: Apache-2.0 */
#include "er_softmax.h"

void er_softmax_s8s16_ref(const er_softmax_s8 *p, const int8_t *input, int16_t *output,
                          void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->depth) {
        er_softmax_row(p, input, output, row * p->depth, 1);
    }
}
