/* SPDX-License-Identifier: Apache-2.0 */
#include "er_floats.h"
#include "er_kernels.h"
#include "er_matrix.h"

void er_matmul_f32_ref(const er_matmul_f32 *p, const float *a, const float *b, float *output,
                       void *scratch)
{
    const er_matrices *m = &p->matrices;
    const uint32_t count = er_products(m);
    (void)scratch;
    for (uint32_t index = 0; index < count; index++) {
        const er_product at = er_product_of(m, index);
        const float *from = a + at.a, *by = b + at.b;
        float even = p->bias[at.column * p->each], odd = 0;
        uint32_t i = 0;
        for (; i + 1 < m->depth; i += 2, from += 2 * m->a_depth, by += 2 * m->b_depth) {
            even += from[0] * by[0];
            odd += from[m->a_depth] * by[m->b_depth];
        }
        if (i < m->depth) {
            even += *from * *by;
        }
        output[index] = er_clamp_f32(even + odd, p->act_min, p->act_max);
    }
}
