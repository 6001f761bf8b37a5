/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

/* Straight lines between points 128 apart. */
void er_table_s16_ref(const er_table_s16 *p, const int16_t *input, int16_t *output, void *scratch)
{
    const int16_t *middle = p->table + 256;
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        const int32_t place = input[i] >> 7, rest = input[i] & 127;
        const int32_t rise = middle[place + 1] - middle[place];
        output[i] = (int16_t)(middle[place] + ((rise * rest + 64) >> 7));
    }
}
