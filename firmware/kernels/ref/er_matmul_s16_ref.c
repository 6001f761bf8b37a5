/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_matrix.h"
#include "er_wide.h"

void er_matmul_s16_ref(const er_matmul_s16 *p, const int16_t *a, const int16_t *b, int16_t *output,
                       void *scratch)
{
    const er_matrices *m = &p->matrices;
    const uint32_t count = er_products(m);
    (void)scratch;
    for (uint32_t index = 0; index < count; index++) {
        const er_product at = er_product_of(m, index);
        const int16_t *from = a + at.a, *by = b + at.b;
        int64_t sum = 0;
        for (uint32_t i = 0; i < m->depth; i++, from += m->a_depth, by += m->b_depth) {
            sum += *from * *by;
        }
        output[index] = er_finish_wide(sum, 1, p->mantissa, p->shift, INT16_MIN, INT16_MAX);
    }
}
