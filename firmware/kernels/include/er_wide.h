/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of int16 by int8, and what becomes of them.
 */
#ifndef ER_WIDE_H
#define ER_WIDE_H

#include <stdint.h>

#include "er_attributes.h"
#include "er_fixed.h"

enum { ER_NARROW = 511 }; /* so many products of int16 by int8 add up within 32 bits */

/* The inner product of two vectors. */
static inline int64_t er_dot_wide(const int16_t *a, const int8_t *b, int32_t count)
{
    int64_t total = 0;
    while (count > 0) {
        const int32_t part = count < ER_NARROW ? count : ER_NARROW;
        int32_t sum = 0;
        ER_ROLLED
        for (int32_t i = 0; i < part; i++) {
            sum += a[i] * b[i];
        }
        total += sum;
        a += part;
        b += part;
        count -= part;
    }
    return total;
}

/* TFLite's scaling of 64-bit sums: a mantissa of 15 bits, rounded once, modulo 2^32. */
static inline int32_t er_multiply_wide(int64_t sum, int32_t mantissa, int32_t shift)
{
    return (int32_t)((sum * mantissa + ((int64_t)1 << (shift - 1))) >> shift);
}

/* The output for a sum, of one channel. */
static inline int16_t er_finish_wide(int64_t sum, uint32_t wide, int32_t mantissa, int32_t shift,
                                     int32_t low, int32_t high)
{
    const int32_t scaled = wide ? er_multiply_wide(sum, mantissa, shift)
                                : er_multiply((int32_t)sum, mantissa, shift);
    return (int16_t)(scaled < low ? low : scaled > high ? high : scaled);
}

#endif
