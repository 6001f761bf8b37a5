/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_pairs.h"

static inline int8_t rectified(const er_prelu_s8 *p, int32_t x, int32_t slope)
{
    const int32_t a = x - p->zero_a;
    const int32_t value = a < 0 ? a * (slope - p->zero_b) : a;
    const er_multiplier factor = a < 0 ? p->negative : p->positive;
    const int32_t scaled = er_multiply(value, factor.mantissa, factor.shift);
    return er_offset_and_clamp(scaled, p->out_zero, INT8_MIN, INT8_MAX);
}

ER_PAIRS(er_prelu_s8_ref, er_prelu_s8, int8_t, int8_t, int8_t, rectified(p, x, y))
