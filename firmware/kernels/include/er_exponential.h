/* SPDX-License-Identifier: Apache-2.0
 *
 * Exponentials in fixed point, as gemmlowp and TensorFlow Lite Micro compute them; in the comments,
 * Qm.n is a number with m integer and n fraction bits.
 */
#ifndef ER_EXPONENTIAL_H
#define ER_EXPONENTIAL_H

#include "er_attributes.h"
#include "er_fixed.h"
#include "er_kernels.h"

/* er_high: there are so few exponentials that calls cost less than copies of it. */
ER_SHARED int32_t er_high_once(int32_t a, int32_t b)
{
    return er_high(a, b);
}

static inline int32_t er_saturating_shift_left(int32_t a, int32_t n)
{
    const int32_t most = INT32_MAX >> n, least = INT32_MIN >> n;
    return a > most ? INT32_MAX : a < least ? INT32_MIN : er_shift_left(a, n);
}

/* exp(a) as Q0.31, for a <= 0 in Q5.26. */
ER_SHARED int32_t er_exp_of_negative(int32_t a)
{
    /* exp(-2^k) for k = -2 ... 4, as Q0.31. */
    static const int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
    const int32_t quarter = 1 << 24;
    const int32_t residue = (a & (quarter - 1)) - quarter;
    const int32_t remainder = er_wrapping_add(residue, -a);
    /* A fourth-order polynomial around -1/8, on [-1/4, 0). */
    const int32_t x = er_shift_left(residue, 5) + (1 << 28);
    const int32_t x2 = er_high_once(x, x);
    const int32_t x3 = er_high_once(x2, x);
    const int32_t x4_quarter = er_rounding_shift_right(er_high_once(x2, x2), 2);
    const int32_t tail = er_rounding_shift_right(er_high_once(x4_quarter + x3, 715827883) + x2, 1);
    int32_t result = 1895147668 + er_high_once(1895147668, x + tail);
    if (a == 0) {
        return INT32_MAX;
    }
    for (int32_t i = 0; i < 7; i++) {
        if (remainder & quarter << i) {
            result = er_high_once(result, powers[i]);
        }
    }
    return result;
}

/* 1 / (1 + a) as Q0.31, for a of 0 to 1 as Q0.31: three Newton steps from 48/17 - 32/17 d. */
ER_SHARED int32_t er_reciprocal_of_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((uint32_t)a + (uint32_t)INT32_MAX + 1) >> 1);
    int32_t x = 1515870810 + er_high_once(half, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t error = (1 << 29) - er_high_once(half, x);
        x += er_saturating_shift_left(er_high_once(x, error), 2);
    }
    return er_saturating_shift_left(x, 1);
}

static inline int32_t er_largest_of(const int8_t *input, uint32_t count)
{
    int32_t largest = INT8_MIN;
    for (uint32_t i = 0; i < count; i++) {
        largest = input[i] > largest ? input[i] : largest;
    }
    return largest;
}

/* `difference`, which is not positive, as Q5.26. */
static inline int32_t er_in_q5(int32_t difference, er_multiplier factor)
{
    return er_high_once(er_shift_left(difference, factor.shift), factor.mantissa);
}

/* The sum of exp(input - largest) with 19 fraction bits, at most what 32 bits hold; differences
 * below `smallest` count as minus infinity. */
ER_SHARED uint32_t er_sum_of_exponentials(const int8_t *input, uint32_t count, int32_t largest,
                                          er_multiplier factor, int32_t smallest)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t difference = input[i] - largest;
        if (difference >= smallest) {
            const uint32_t part = (uint32_t)er_rounding_shift_right(
                er_exp_of_negative(er_in_q5(difference, factor)), 12);
            sum = sum > UINT32_MAX - part ? UINT32_MAX : sum + part;
        }
    }
    return sum;
}

#endif
