/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_exponential.h"
#include "er_pairs.h"

/* a / b as a * (1 / b): the reciprocal has 31 bits, and a is shifted up to as many before. What is
 * divided by zero is as large as it can be. */
static inline int8_t quotient(const er_product_params *p, int32_t x, int32_t y)
{
    const int32_t b = y - p->zero_b, a = b < 0 ? p->zero_a - x : x - p->zero_a;
    int32_t size = b < 0 ? -b : b, top = a < 0 ? ~a : a, over = 31, room = 31;
    if (b == 0) {
        return er_offset_and_clamp(a < 0 ? -65536 : a > 0 ? 65536 : 0, p->out_zero, p->act_min,
                                   p->act_max);
    }
    while (size > 0) {
        size = er_shift_left(size, 1);
        over--;
    }
    while (top > 0) {
        top >>= 1;
        room--;
    }
    const int32_t inverse = er_reciprocal_of_one_plus((int32_t)((uint32_t)size & INT32_MAX));
    const int32_t wide = er_high(er_shift_left(a, room), inverse);
    const int32_t right = room + over - p->factor.shift;
    const int32_t high = er_high(wide, p->factor.mantissa);
    const int32_t scaled = right > 31 ? 0 : er_rounding_shift_right(high, right > 0 ? right : 0);
    return er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
}

ER_PAIRS(er_div_s8_ref, er_product_params, int8_t, int8_t, int8_t, quotient(p, x, y))
