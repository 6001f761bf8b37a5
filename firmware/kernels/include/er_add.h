/* SPDX-License-Identifier: Apache-2.0
 *
 * The sum of two quantized numbers.
 */
#ifndef ER_ADD_H
#define ER_ADD_H

#include "er_fixed.h"

/* Both are brought to twice the larger scale with 20 more bits, added, and scaled to the output. */
static inline int8_t er_add_pair(const er_add_s8 *p, int32_t a, int32_t b)
{
    const er_multiplier fa = p->factor_a, fb = p->factor_b, out = p->factor_out;
    const int32_t wide_a = er_multiply(er_shift_left(a - p->zero_a, 20), fa.mantissa, fa.shift);
    const int32_t wide_b = er_multiply(er_shift_left(b - p->zero_b, 20), fb.mantissa, fb.shift);
    const int32_t sum = er_multiply(er_wrapping_add(wide_a, wide_b), out.mantissa, out.shift);
    return er_offset_and_clamp(sum, p->out_zero, p->act_min, p->act_max);
}

#endif
