/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

void er_select_x32_ref(const er_select *p, const uint8_t *condition, const void *a, const void *b,
                       void *output, void *scratch)
{
    const uint32_t *n = p->shape, *c = p->stride_c, *s = p->stride_a, *t = p->stride_b;
    uint32_t *made = output;
    (void)scratch;
    for (uint32_t i = 0; i < n[0]; i++) {
        for (uint32_t j = 0; j < n[1]; j++) {
            for (uint32_t k = 0; k < n[2]; k++) {
                const uint8_t *which = condition + i * c[0] + j * c[1] + k * c[2];
                const uint32_t *one = (const uint32_t *)a + i * s[0] + j * s[1] + k * s[2];
                const uint32_t *two = (const uint32_t *)b + i * t[0] + j * t[1] + k * t[2];
                for (uint32_t m = 0; m < n[3]; m++) {
                    *made++ = which[m * c[3]] ? one[m * s[3]] : two[m * t[3]];
                }
            }
        }
    }
}
