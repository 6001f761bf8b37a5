/* SPDX-License-Identifier: Apache-2.0 */
#include "er_copy.h"
#include "er_kernels.h"

void er_take_x8_ref(const er_take *p, const void *input, void *output, void *scratch)
{
    const uint32_t *n = p->count;
    const int32_t *a = p->offsets, *b = a + n[0], *c = b + n[1], *d = c + n[2];
    const uint8_t *from = input;
    uint8_t *to = output;
    (void)scratch;
    for (uint32_t i = 0; i < n[0]; i++) {
        for (uint32_t j = 0; j < n[1]; j++) {
            for (uint32_t k = 0; k < n[2]; k++) {
                const uint8_t *row = from + a[i] + b[j] + c[k];
                for (uint32_t m = 0; m < n[3]; m++, to += p->bytes) {
                    er_copy_bytes(to, row + d[m], p->bytes);
                }
            }
        }
    }
}
