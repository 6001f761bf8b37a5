/* SPDX-License-Identifier: Apache-2.0 */
#include "er_add.h"
#include "er_kernels.h"

void er_add_broadcast_s8_ref(const er_add_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                             void *scratch)
{
    const uint32_t *n = p->shape, *sa = p->stride_a, *sb = p->stride_b;
    (void)scratch;
    for (uint32_t i = 0; i < n[0]; i++) {
        for (uint32_t j = 0; j < n[1]; j++) {
            for (uint32_t k = 0; k < n[2]; k++) {
                const int8_t *line_a = a + i * sa[0] + j * sa[1] + k * sa[2];
                const int8_t *line_b = b + i * sb[0] + j * sb[1] + k * sb[2];
                for (uint32_t m = 0; m < n[3]; m++) {
                    *output++ = er_add_pair(p, line_a[m * sa[3]], line_b[m * sb[3]]);
                }
            }
        }
    }
}
