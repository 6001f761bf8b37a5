/* SPDX-License-Identifier: Apache-2.0 */
#include "er_copy.h"
#include "er_kernels.h"

void er_pad_x8_ref(const er_pad *p, const void *input, void *output, void *scratch)
{
    const uint32_t words = p->bytes / 4;
    uint32_t *word = output;
    uint8_t *tail = (uint8_t *)(word + words);
    (void)scratch;
    for (uint32_t i = 0; i < words; i++) {
        word[i] = p->fill[i & 1];
    }
    for (uint32_t i = 0; i < p->bytes % 4; i++) {
        tail[i] = (uint8_t)(p->fill[words & 1] >> 8 * i);
    }
    er_copy_all(&p->copy, input, output);
}
