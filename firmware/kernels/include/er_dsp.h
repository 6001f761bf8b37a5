/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernels for the DSP extension share. A word that holds two int16 is an er_pair, the
 * first in the lower half.
 *
 * Unpacking four int8 in order gives the pairs (0, 2) and (1, 3), by one SXTB16 each. All vectors
 * keep that order: "the pairs of a group".
 */
#ifndef ER_DSP_H
#define ER_DSP_H

#include <arm_acle.h>
#include <stdint.h>

#include "er_attributes.h"
#include "er_fixed.h"

typedef uint32_t er_pair;

/* A word from an address that need not be aligned: one LDR on Armv7E-M and Armv8-M. */
static inline uint32_t er_load(const void *from)
{
    uint32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return word;
}

static inline void er_store(void *to, uint32_t word)
{
    __builtin_memcpy(to, &word, sizeof word);
}

/* Bytes 0 and 2, sign-extended. */
static inline er_pair er_even(uint32_t bytes)
{
    return (er_pair)__sxtb16((int8x4_t)bytes);
}

/* Bytes 1 and 3, sign-extended. */
static inline er_pair er_odd(uint32_t bytes)
{
    return (er_pair)__sxtb16((int8x4_t)(bytes >> 8 | bytes << 24));
}

/* Bytes 0 and 2, zero-extended. */
static inline er_pair er_even_unsigned(uint32_t bytes)
{
    return bytes & 0x00ff00ff;
}

static inline er_pair er_pack(int32_t first, int32_t second)
{
    return ((uint32_t)first & 0xffff) | (uint32_t)second << 16;
}

/* `sum` plus both products; modulo 2^32, as SMLAD does not saturate. */
static inline int32_t er_mac(er_pair a, er_pair b, int32_t sum)
{
    return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}

/* Both sums of a pair and bytes 0 and 2, modulo 2^16. */
static inline er_pair er_add_even(er_pair sums, uint32_t bytes)
{
    return (er_pair)__sxtab16((int16x2_t)sums, (int8x4_t)bytes);
}

/* The same with bytes 1 and 3. */
static inline er_pair er_add_odd(er_pair sums, uint32_t bytes)
{
    return (er_pair)__sxtab16((int16x2_t)sums, (int8x4_t)(bytes >> 8 | bytes << 24));
}

/* Four int8 at once: SSUB8 notes which are not less than a bound, SEL picks by that. */
static inline uint32_t er_clamp_four(uint32_t bytes, uint32_t low, uint32_t high)
{
    (void)__ssub8((int8x4_t)bytes, (int8x4_t)low);
    const uint32_t raised = (uint32_t)__sel((uint8x4_t)bytes, (uint8x4_t)low);
    (void)__ssub8((int8x4_t)high, (int8x4_t)raised);
    return (uint32_t)__sel((uint8x4_t)raised, (uint8x4_t)high);
}

/* The 1 to 3 elements at the end of a vector, as a word with zeros after them. */
static inline uint32_t er_load_tail(const int8_t *from, uint32_t count)
{
    uint32_t word = (uint8_t)from[0];
    if (count > 1) {
        word |= (uint32_t)(uint8_t)from[1] << 8;
    }
    if (count > 2) {
        word |= (uint32_t)(uint8_t)from[2] << 16;
    }
    return word;
}

/* How sums of one channel become outputs. */
typedef struct {
    int32_t twice_mantissa; /* modulo 2^32 */
    int32_t shift;          /* of er_multiplier */
    int32_t halved;         /* the shift to the right, less one */
} er_scaling;

static inline er_scaling er_scaling_of(int32_t mantissa, int32_t shift)
{
    const er_scaling scaling = {er_shift_left(mantissa, 1), shift, ~shift};
    return scaling;
}

/* What all channels of a layer share. */
typedef struct {
    int32_t twice_zero_and_one; /* 2 * zero point + 1 */
    int32_t low, high;
} er_range_s8;

static inline er_range_s8 er_range_of(int32_t zero, int32_t low, int32_t high)
{
    const er_range_s8 range = {2 * zero + 1, low, high};
    return range;
}

/* The rounding doubling high multiply. The mantissa m is 2^30 or more, so 2m is 2^32 +
 * twice_mantissa, and floor((2m * sum + 2^31) / 2^32) is sum plus the rounded upper half of
 * twice_mantissa * sum: one SMMLAR. */
static inline int32_t er_high_quickly(int32_t sum, er_scaling scaling)
{
    const int64_t product = (int64_t)scaling.twice_mantissa * sum;
    return er_wrapping_add(sum, (int32_t)((product + 0x80000000LL) >> 32));
}

/* er_multiply, plus the zero point, saturated to int8, in five instructions; `halved` must be 1 or
 * more. Halves are rounded away from zero by taking 1 from negative numbers first. The zero point
 * goes in, with the 1 for rounding, before the last bit is shifted out; that cannot overflow, as a
 * bit was shifted out already. */
static inline int32_t er_scale_quickly(int32_t sum, er_scaling scaling, int32_t twice_zero_and_one)
{
    const int32_t high = er_high_quickly(sum, scaling);
    const int32_t nudged = high + (high >> 31);
    return __ssat(((nudged >> scaling.halved) + twice_zero_and_one) >> 1, 8);
}

/* The same for any scaling. */
ER_SHARED int32_t er_scale_slowly(int32_t sum, er_scaling scaling, int32_t twice_zero_and_one)
{
    const int32_t mantissa = (int32_t)((uint32_t)scaling.twice_mantissa >> 1);
    const int32_t scaled = er_multiply(sum, mantissa, scaling.shift);
    return er_offset_and_clamp(scaled, twice_zero_and_one >> 1, INT8_MIN, INT8_MAX);
}

/* The straight way, of a layer whose outputs lie on a line: edge_runtime/kernels/straight.py finds
 * its numbers. `sum` is 256 times the sum of a channel, an offset included; of the term of the zero
 * point, 12 bits are behind the point. Outputs are saturated to int8. */
static inline int32_t er_straight_zero(int32_t twice_zero_and_one)
{
    return twice_zero_and_one * (1 << 11);
}

static inline int32_t er_scale_straight(int32_t sum, int32_t mantissa, int32_t zero_term)
{
    const int32_t high = (int32_t)(((int64_t)mantissa * sum) >> 32);
    return __ssat((high + zero_term) >> 12, 8);
}

/* Whether er_scale_quickly serves. */
static inline int er_is_quick(int32_t shift)
{
    return shift < -1 && !er_rounds_once(shift);
}

/* The same of all `count` channels of a layer. */
static inline int er_all_are_quick(const int8_t *shift, uint32_t count)
{
    int32_t all = -1;
    ER_ROLLED_ALWAYS
    for (uint32_t i = 0; i < count; i++) {
        all &= shift[i] + 1; /* negative: below -1 */
    }
    return all < 0 && !er_layer_rounds_once(shift[0]);
}

/* Whether int8 has numbers outside of the range. */
static inline int er_is_partial(er_range_s8 range)
{
    return range.low > INT8_MIN || range.high < INT8_MAX;
}

static inline int32_t er_clamp(er_range_s8 range, int32_t value)
{
    const int32_t raised = value < range.low ? range.low : value;
    return raised > range.high ? range.high : raised;
}

/* What a sum becomes, by any scaling. */
ER_SHARED int8_t er_scale(er_range_s8 range, er_scaling scaling, int32_t sum)
{
    const int32_t zero = range.twice_zero_and_one;
    const int32_t value = er_is_quick(scaling.shift) ? er_scale_quickly(sum, scaling, zero)
                                                     : er_scale_slowly(sum, scaling, zero);
    return (int8_t)er_clamp(range, value);
}

#endif
