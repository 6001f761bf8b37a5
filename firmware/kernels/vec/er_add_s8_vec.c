/* SPDX-License-Identifier: Apache-2.0 */
#include "er_add.h"
#include "er_vec.h"

static inline er_factors factors_of(er_multiplier m)
{
    return er_factors_of(er_quad_of(m.mantissa), er_quad_of(m.shift));
}

/* Four operands with 20 bits more, by their factor. */
static inline er_quad scaled(const int8_t *values, er_quad zero, er_factors factors)
{
    const er_quad distance = er_quad_sub(er_quad_load_s8(values), zero);
    return er_quad_multiply(er_quad_shift_left(distance, er_quad_of(20)), factors);
}

void er_add_s8_vec(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    const er_quad zero_a = er_quad_of(p->zero_a), zero_b = er_quad_of(p->zero_b);
    const er_factors by_a = factors_of(p->factor_a), by_b = factors_of(p->factor_b);
    const er_factors by_out = factors_of(p->factor_out);
    const er_vec_range range = er_vec_range_of(p->out_zero, p->act_min, p->act_max);
    const uint32_t elements = p->elements;
    uint32_t i = 0;
    (void)scratch;
    for (; i + ER_QUAD <= elements; i += ER_QUAD) {
        const er_quad sum = er_quad_add(scaled(a + i, zero_a, by_a), scaled(b + i, zero_b, by_b));
        er_quad_store_s8(er_quad_finish(er_quad_multiply(sum, by_out), range), output + i);
    }
    for (; i < elements; i++) {
        output[i] = (int8_t)er_sum(p, a[i], b[i], 20);
    }
}
