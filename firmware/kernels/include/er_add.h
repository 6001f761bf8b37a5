/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums and differences of two quantized numbers: both are brought to twice the larger scale with
 * `left` more bits, combined, and scaled to the output.
 */
#ifndef ER_ADD_H
#define ER_ADD_H

#include "er_fixed.h"

static inline int32_t er_sum_a(const er_sum_params *p, int32_t a, int32_t left)
{
    const er_multiplier factor = p->factor_a;
    return er_multiply(er_shift_left(a - p->zero_a, left), factor.mantissa, factor.shift);
}

static inline int32_t er_sum_b(const er_sum_params *p, int32_t b, int32_t left)
{
    const er_multiplier factor = p->factor_b;
    return er_multiply(er_shift_left(b - p->zero_b, left), factor.mantissa, factor.shift);
}

static inline int32_t er_sum_out(const er_sum_params *p, int32_t value)
{
    const er_multiplier factor = p->factor_out;
    const int32_t scaled = er_multiply(value, factor.mantissa, factor.shift);
    return er_bounded(scaled, p->out_zero, p->act_min, p->act_max);
}

static inline int32_t er_sum(const er_sum_params *p, int32_t a, int32_t b, int32_t left)
{
    return er_sum_out(p, er_wrapping_add(er_sum_a(p, a, left), er_sum_b(p, b, left)));
}

static inline int32_t er_difference(const er_sum_params *p, int32_t a, int32_t b, int32_t left)
{
    return er_sum_out(p, er_wrapping_add(er_sum_a(p, a, left), -er_sum_b(p, b, left)));
}

static inline int32_t er_squared_difference(const er_sum_params *p, int32_t a, int32_t b,
                                            int32_t left)
{
    const uint32_t difference = (uint32_t)er_sum_a(p, a, left) - (uint32_t)er_sum_b(p, b, left);
    return er_sum_out(p, (int32_t)(difference * difference));
}

#endif
