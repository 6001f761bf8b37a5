/* SPDX-License-Identifier: Apache-2.0
 *
 * How the kernels for RV32IM scale their sums.
 */
#ifndef ER_RV32_H
#define ER_RV32_H

#include <stdint.h>

#include "er_attributes.h"
#include "er_fixed.h"

/* What all sums of a layer share. */
typedef struct {
    int32_t twice_zero_and_one; /* 2 * zero point + 1 */
    int32_t low, high;
} er_bounds;

/* How sums of one channel become outputs. */
typedef struct {
    int32_t twice_mantissa; /* modulo 2^32 */
    int32_t halved;         /* the shift to the right, less one */
    int once;               /* whether products are rounded once */
} er_factor;

static inline er_factor er_factor_of(int32_t mantissa, int32_t shift)
{
    const int once = er_layer_rounds_once(shift);
    const er_factor factor = {er_shift_left(mantissa, 1), ~shift - (once ? ER_ONCE : 0), once};
    return factor;
}

/* er_multiply, the zero point, and the clamp, for a factor of less than 1/4. Its mantissa m is 2^30 or
 * more, so 2m is 2^32 + twice_mantissa, and the rounding doubling high multiply is the sum plus the
 * rounded upper half of twice_mantissa * sum; where products are rounded once, what is cut off there
 * makes no difference. The zero point goes in, with the 1 for rounding, before the last bit is shifted
 * out. */
ER_ALWAYS_INLINE int8_t er_scale(int32_t sum, er_factor factor, er_bounds bounds)
{
    const int64_t product = (int64_t)factor.twice_mantissa * sum;
    int32_t high = er_wrapping_add(sum, (int32_t)(product >> 32));
    if (!factor.once) {
        high = er_wrapping_add(high, (int32_t)((uint32_t)product >> 31));
        high += high >> 31;
    }
    const int32_t value = ((high >> factor.halved) + bounds.twice_zero_and_one) >> 1;
    const int32_t raised = value < bounds.low ? bounds.low : value;
    return (int8_t)(raised > bounds.high ? bounds.high : raised);
}

#endif
