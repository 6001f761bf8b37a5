/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixed-point arithmetic of the portable kernels: TensorFlow Lite Micro's double rounding, bit for
 * bit, as edge_runtime/numerics.py defines it. Right shifts of negative numbers are taken to be
 * arithmetic, as on every compiler for these cores.
 */
#ifndef ER_FIXED_H
#define ER_FIXED_H

#include <stdint.h>

#include "er_kernels.h"
#include "er_rounding.h"

/* a * 2^n modulo 2^32. */
static inline int32_t er_shift_left(int32_t a, int32_t n)
{
    return (int32_t)((uint32_t)a << n);
}

/* a + b modulo 2^32. */
static inline int32_t er_wrapping_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* The rounding doubling high multiply. gemmlowp adds 2^30 to a positive product and 1 - 2^30 to a
 * negative one, and then truncates the quotient by 2^31. Truncation rounds a negative quotient up,
 * so both are floor((a * b + 2^30) / 2^31). The one case that saturates, both being -2^31, does not
 * occur in a kernel. */
#if defined(__ARM_ARCH_6M__)
/* No 64-bit product here: four 16-bit ones, each partial sum within 32 bits. */
static inline int32_t er_high(int32_t a, int32_t b)
{
    const int32_t ah = a >> 16, bh = b >> 16;
    const uint32_t al = (uint16_t)a, bl = (uint16_t)b;
    const int32_t middle = (int32_t)((uint32_t)ah * bl + (al * bl >> 16));
    const int32_t carried = (int32_t)(al * (uint32_t)bh + ((uint32_t)middle & 0xffff));
    const int32_t top = ah * bh + (middle >> 16) + (carried >> 16);
    return er_shift_left(top, 1) + ((((carried >> 14) & 3) + 1) >> 1);
}
#else
static inline int32_t er_high(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}
#endif

/* round(a / 2^n), halves away from zero, for n of 0 to 31; a is not -2^31. */
static inline int32_t er_rounding_shift_right(int32_t a, int32_t n)
{
    return n == 0 ? a : (((a + (a >> 31)) >> (n - 1)) + 1) >> 1;
}

/* What is taken from the shift of a factor whose products are rounded once, halves up. */
#define ER_ONCE 64

/* Whether a shift marks such a factor. */
static inline int er_rounds_once(int32_t shift)
{
    return ER_ROUNDS_ONCE && shift < -ER_ONCE / 2;
}

/* Whether a layer rounds once that has this shift: of a convolution's or a fully connected layer's,
 * all are marked or none. */
static inline int er_layer_rounds_once(int32_t shift)
{
    return ER_ROUNDS_ONCE && (!ER_ROUNDS_TWICE || er_rounds_once(shift));
}

/* a times mantissa * 2^(shift - 31), rounded twice; once, and saturated, where the shift is marked
 * so. */
static inline int32_t er_multiply(int32_t a, int32_t mantissa, int32_t shift)
{
    if (er_rounds_once(shift)) {
        const int32_t right = 31 - ER_ONCE - shift;
        /* Halves up in two shifts: one long shift by a variable is code enough. */
        const int64_t whole = ((((int64_t)a * mantissa) >> (right - 1)) + 1) >> 1;
        const int32_t low = (int32_t)whole;
        return low == whole ? low : whole < 0 ? INT32_MIN : INT32_MAX;
    }
    if (shift > 0) {
        return er_high(er_shift_left(a, shift), mantissa);
    }
    return er_rounding_shift_right(er_high(a, mantissa), -shift);
}

/* a + zero, clamped to low ... high; the sum itself may not fit into 32 bits. */
static inline int32_t er_bounded(int32_t a, int32_t zero, int32_t low, int32_t high)
{
    if (a < low - zero) {
        return low;
    }
    return a > high - zero ? high : a + zero;
}

static inline int8_t er_offset_and_clamp(int32_t a, int32_t zero, int32_t low, int32_t high)
{
    return (int8_t)er_bounded(a, zero, low, high);
}

/* a + b, as close as 32 bits come. */
static inline int32_t er_saturating_add(int32_t a, int32_t b)
{
    if (b > 0 ? a > INT32_MAX - b : a < INT32_MIN - b) {
        return b > 0 ? INT32_MAX : INT32_MIN;
    }
    return a + b;
}

#endif
