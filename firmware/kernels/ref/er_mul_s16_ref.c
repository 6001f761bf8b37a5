/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_pairs.h"

static inline int16_t product(const er_product_params *p, int32_t x, int32_t y)
{
    const int32_t wide = (x - p->zero_a) * (y - p->zero_b);
    const int32_t scaled = er_multiply(wide, p->factor.mantissa, p->factor.shift);
    return (int16_t)er_bounded(scaled, p->out_zero, p->act_min, p->act_max);
}

ER_PAIRS(er_mul_s16_ref, er_product_params, int16_t, int16_t, int16_t, product(p, x, y))
