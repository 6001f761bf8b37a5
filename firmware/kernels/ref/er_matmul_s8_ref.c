/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_matrix.h"

void er_matmul_s8_ref(const er_matmul_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                      void *scratch)
{
    const er_matrices *m = &p->matrices;
    const uint32_t count = er_products(m);
    (void)scratch;
    for (uint32_t index = 0; index < count; index++) {
        const er_product at = er_product_of(m, index);
        const int8_t *from = a + at.a, *by = b + at.b;
        const uint32_t channel = at.column * p->each;
        uint32_t sum = (uint32_t)p->bias[channel];
        for (uint32_t i = 0; i < m->depth; i++, from += m->a_depth, by += m->b_depth) {
            sum += (uint32_t)((*from - p->zero_a) * (*by - p->zero_b));
        }
        const int32_t scaled = er_multiply((int32_t)sum, p->mantissa[channel], p->shift[channel]);
        output[index] = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
    }
}
