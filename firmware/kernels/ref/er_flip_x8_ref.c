/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

void er_flip_x8_ref(const er_flip *p, const void *input, void *output, void *scratch)
{
    const uint8_t *from = input;
    uint8_t *to = output;
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        to[i] = from[i] ^ 0x80;
    }
}
