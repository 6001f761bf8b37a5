/* SPDX-License-Identifier: Apache-2.0 */
#include "er_add.h"
#include "er_vec.h"

typedef struct {
    er_quad zero, mantissa, shift;
} factor;

static inline factor factor_of(int32_t zero, er_multiplier m)
{
    const factor f = {er_quad_of(zero), er_quad_of(m.mantissa), er_quad_of(m.shift)};
    return f;
}

/* Four operands with 20 bits more, by their factor. */
static inline er_quad scaled(const int8_t *values, factor f)
{
    const er_quad wide =
        er_quad_shift_left(er_quad_sub(er_quad_load_s8(values), f.zero), er_quad_of(20));
    return er_quad_multiply(wide, f.mantissa, f.shift);
}

void er_add_s8_vec(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    const factor of_a = factor_of(p->zero_a, p->factor_a), of_b = factor_of(p->zero_b, p->factor_b);
    const factor out = factor_of(0, p->factor_out);
    const er_vec_range range = er_vec_range_of(p->out_zero, p->act_min, p->act_max);
    const uint32_t elements = p->elements;
    uint32_t i = 0;
    (void)scratch;
    for (; i + ER_QUAD <= elements; i += ER_QUAD) {
        const er_quad sum = er_quad_add(scaled(a + i, of_a), scaled(b + i, of_b));
        const er_quad made = er_quad_multiply(sum, out.mantissa, out.shift);
        er_quad_store_s8(er_quad_finish(made, range), output + i);
    }
    for (; i < elements; i++) {
        output[i] = (int8_t)er_sum(p, a[i], b[i], 20);
    }
}
