/* SPDX-License-Identifier: Apache-2.0 */
#include "er_copy.h"
#include "er_kernels.h"

void er_concat_x8_ref(const er_concat *p, const void *const *inputs, void *output, void *scratch)
{
    uint8_t *to = output;
    (void)scratch;
    for (uint32_t outer = 0; outer < p->outer; outer++) {
        for (uint32_t i = 0; i < p->count; i++) {
            const uint32_t bytes = (uint32_t)p->rows[i];
            const uint8_t *from = (const uint8_t *)inputs[i] + outer * bytes;
            if (from != to) {
                er_copy_bytes(to, from, bytes);
            }
            to += bytes;
        }
    }
}
