/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_pairs.h"

static inline uint8_t holds(const er_compare_scaled *p, int32_t x, int32_t y)
{
    const int32_t a = er_multiply((x - p->zero_a) * 256, p->factor_a.mantissa, p->factor_a.shift);
    const int32_t b = er_multiply((y - p->zero_b) * 256, p->factor_b.mantissa, p->factor_b.shift);
    return er_holds(p->relations, a < b, a == b, a > b);
}

ER_PAIRS(er_compare_s8_ref, er_compare_scaled, int8_t, int8_t, uint8_t, holds(p, x, y))
