/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementary functions in single precision, without libm and without double. They give the same
 * bits on every core, as long as no compiler contracts a * b + c to one operation. Infinities and
 * what is no number go where C99's Annex F sends them; underflow is gradual; zeros may lose their
 * sign.
 *
 * Each function reduces its argument, takes a polynomial, and puts the parts together so that the
 * largest of them is exact. The polynomials are minimax ones, found by Lawson's iteration; the
 * comments give their errors before rounding. The errors of the functions, in units in the last
 * place, are held by tests/kernels/test_math.py. Sources: Muller, "Elementary Functions", 3rd ed.
 * (reduction, chapter 11; sums of two floats, chapter 2); Payne and Hanek, "Radian reduction for
 * trigonometric functions", SIGNUM 18 (1983).
 */
#ifndef ER_MATH_H
#define ER_MATH_H

#include <stdint.h>

#define ER_INFINITY (__builtin_inff())
#define ER_NAN (__builtin_nanf(""))

static inline uint32_t er_bits(float value)
{
    union {
        float value;
        uint32_t bits;
    } both = {value};
    return both.bits;
}

static inline float er_float(uint32_t bits)
{
    union {
        uint32_t bits;
        float value;
    } both = {bits};
    return both.value;
}

static inline float er_abs(float x)
{
    return er_float(er_bits(x) & 0x7fffffff);
}

/* `magnitude`, which is not negative, with the sign of `sign`. */
static inline float er_signed(float magnitude, float sign)
{
    return er_float(er_bits(magnitude) | (er_bits(sign) & 0x80000000));
}

static inline int er_is_nan(float x)
{
    return x != x;
}

/* The first 12 bits of the significand: the product of two such numbers is exact. */
static inline float er_upper_half(float x)
{
    return er_float(er_bits(x) & 0xfffff000);
}

/* Towards zero, for |x| below 2^23; keeps the sign of zeros. */
static inline float er_whole_part(float x)
{
    return er_signed((float)(int32_t)er_abs(x), x);
}

/* Whether x has no fraction, or is infinite or not a number. */
static inline int er_is_whole(float x)
{
    return !(er_abs(x) < 8388608.0f) || er_whole_part(x) == x;
}

static inline float er_floor(float x)
{
    if (er_is_whole(x)) {
        return x;
    }
    return x < 0.0f ? er_whole_part(x) - 1.0f : er_whole_part(x);
}

static inline float er_ceil(float x)
{
    return -er_floor(-x);
}

/* The nearest whole number, halves to the even one. */
static inline float er_round(float x)
{
    if (er_is_whole(x)) {
        return x;
    }
    /* From 2^23 on floats are whole, and the sum is rounded as asked. */
    return er_signed((er_abs(x) + 8388608.0f) - 8388608.0f, x);
}

/* x * 2^n, rounded once, for n of -252 to 254. */
static inline float er_scale_by_power(float x, int32_t n)
{
    const int32_t half = n >> 1;
    return x * er_float((uint32_t)(half + 127) << 23) *
           er_float((uint32_t)(n - half + 127) << 23);
}

/* Correctly rounded. */
static inline float er_sqrt(float x)
{
#if defined(__ARM_FP) && defined(__GNUC__)
    float root;
    __asm__("vsqrt.f32 %0, %1" : "=t"(root) : "t"(x));
    return root;
#else
    uint32_t bits = er_bits(x), root = 0, rest = 0;
    int32_t exponent = (int32_t)(bits >> 23) - 127;
    if (!(x > 0.0f) || exponent == 128) {
        return x == 0.0f || x > 0.0f ? x : ER_NAN;
    }
    bits &= 0x7fffff;
    if (exponent == -127) {
        while (bits < 0x800000) {
            bits <<= 1;
            exponent--;
        }
        exponent++;
    }
    /* The significand times 1 or 2, two bits at a time, gives one bit of the root each. */
    bits = (bits | 0x800000) << (7 + (exponent & 1));
    for (int32_t i = 0; i < 25; i++) {
        rest = rest << 2 | bits >> 30;
        bits <<= 2;
        root <<= 1;
        if (rest > 2 * root) {
            rest -= 2 * root + 1;
            root++;
        }
    }
    /* 25 bits: the last one rounds. It cannot be a tie, as the square of 25 bits has too many. */
    root = (root + 1) >> 1;
    return er_float(((uint32_t)((exponent >> 1) + 126) << 23) + root);
#endif
}

/* The parts of log(2): the first has 15 bits, so that products with exponents are exact. */
#define ER_LN2_HIGH 0.693145751953125f
#define ER_LN2_LOW 1.42860677e-6f

/* exp(r) - 1 for |r| <= log(2) / 2; relative error of the polynomial 2^-26. */
static inline float er_expm1_reduced(float r)
{
    const float tail =
        0.166665435f + r * (0.0416664034f + r * (0.00836649071f + r * 0.00139406126f));
    return r + r * r * (0.5f + r * tail);
}

/* The multiple of log(2) next to x, for |x| up to 200. */
static inline int32_t er_log2_steps(float x)
{
    const float steps = x * 1.44269504f;
    return (int32_t)(steps + (steps < 0.0f ? -0.5f : 0.5f));
}

/* exp(x + small), where `small` is far below 1. */
static inline float er_exp_of_sum(float x, float small)
{
    if (!(x < 89.0f)) {
        return x + ER_INFINITY;
    }
    if (x < -104.0f) {
        return 0.0f;
    }
    const int32_t k = er_log2_steps(x);
    const float r = (x - (float)k * ER_LN2_HIGH) - ((float)k * ER_LN2_LOW - small);
    return er_scale_by_power(1.0f + er_expm1_reduced(r), k);
}

static inline float er_exp(float x)
{
    return er_exp_of_sum(x, 0.0f);
}

/* exp(x) - 1 */
static inline float er_expm1(float x)
{
    if (!(x < 18.0f)) {
        return er_exp(x) - 1.0f;
    }
    if (x < -18.0f) {
        return -1.0f;
    }
    const int32_t k = er_log2_steps(x);
    if (k == 0) {
        return er_expm1_reduced(x);
    }
    const float power = er_float((uint32_t)(k + 127) << 23);
    const float r = (x - (float)k * ER_LN2_HIGH) - (float)k * ER_LN2_LOW;
    return power * er_expm1_reduced(r) + (power - 1.0f);
}

/* x = 2^exponent * (1 + rest), with 1 + rest of sqrt(1/2) to sqrt(2). */
typedef struct {
    float exponent, rest;
} er_split;

/* For positive finite x. */
static inline er_split er_split_power(float x)
{
    int32_t less = 0;
    if (x < 1.17549435e-38f) {
        x *= 8388608.0f;
        less = 23;
    }
    /* 0x3f3504f3 is sqrt(1/2). */
    const uint32_t above = er_bits(x) - 0x3f3504f3;
    const int32_t exponent = (int32_t)above >> 23;
    const float factor = er_float(er_bits(x) - ((uint32_t)exponent << 23));
    const er_split split = {(float)(exponent - less), factor - 1.0f};
    return split;
}

/* With s = f / (2 + f), log(1 + f) = log((1 + s) / (1 - s)) = 2 s + s R(s^2). This is R; relative
 * error 2^-29. */
static inline float er_log_tail(float square)
{
    return square * (0.666667759f + square * (0.399775326f + square * 0.298719972f));
}

/* log(2^exponent * (1 + rest)) + small. As 2 s = f - s f = f - f^2/2 + s f^2/2, the exact f is by
 * far the largest summand. */
static inline float er_log_of_split(er_split split, float small)
{
    const float f = split.rest, s = f / (2.0f + f), half_square = 0.5f * f * f;
    const float low = split.exponent * ER_LN2_LOW + small;
    const float curve = half_square - (s * (half_square + er_log_tail(s * s)) + low);
    return split.exponent * ER_LN2_HIGH - (curve - f);
}

/* The logarithm of what is not positive and finite. */
static inline float er_log_at_ends(float x)
{
    if (x == 0.0f) {
        return -ER_INFINITY;
    }
    return x > 0.0f ? x : ER_NAN;
}

static inline float er_log(float x)
{
    if (!(x > 0.0f) || x == ER_INFINITY) {
        return er_log_at_ends(x);
    }
    return er_log_of_split(er_split_power(x), 0.0f);
}

/* log(1 + x) */
static inline float er_log1p(float x)
{
    if (!(x > -1.0f) || x == ER_INFINITY) {
        return er_log_at_ends(x + 1.0f);
    }
    if (er_abs(x) < 5.9604645e-8f) {
        return x;
    }
    const float sum = 1.0f + x;
    er_split split = er_split_power(sum);
    if (split.exponent == 0.0f) {
        split.rest = x;
        return er_log_of_split(split, 0.0f);
    }
    /* What the rounding of the sum lost. */
    const float lost = x < 1.0f ? x - (sum - 1.0f) : 1.0f - (sum - x);
    return er_log_of_split(split, lost / sum);
}

static inline float er_tanh(float x)
{
    const float a = er_abs(x);
    float result;
    if (a < 1.0f) {
        const float e = er_expm1(2.0f * a);
        result = e / (e + 2.0f);
    } else {
        result = 1.0f - 2.0f / (er_exp(2.0f * a) + 1.0f);
    }
    return er_signed(result, x);
}

/* 1 / (1 + exp(-x)) */
static inline float er_logistic(float x)
{
    const float e = er_exp(-er_abs(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* log(1 + exp(x)) */
static inline float er_softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + er_log1p(er_exp(-er_abs(x)));
}

/* Below 1 a polynomial of x^2, relative error 2^-29; above, 1 - exp(q(x)), whose error is 2^-29 of
 * the result. */
static inline float er_erf(float x)
{
    const float a = er_abs(x), z = a * a;
    if (a < 1.0f) {
        const float tail =
            -0.0268544443f + z * (0.00518953567f + z * (-0.000802084222f + z * 7.88912294e-5f));
        return x * (1.12837911f + z * (-0.37612626f + z * (0.112836003f + z * tail)));
    }
    if (!(a < 4.0f)) {
        return er_is_nan(x) ? x : er_signed(1.0f, x);
    }
    const float tail =
        -0.103037372f + a * (0.0218053181f + a * (-0.00293960725f + a * 0.000185574012f));
    const float q = -0.000353719515f + a * (-1.12704003f + a * (-0.638225675f + a * tail));
    return er_signed(1.0f - er_exp(q), x);
}

/* sin(r) for |r| <= pi / 4; relative error 2^-28. */
static inline float er_sin_reduced(float r)
{
    const float z = r * r;
    return r + r * z * (-0.166666552f + z * (0.008332178f + z * -0.000195172674f));
}

/* cos(r) for |r| <= pi / 4; absolute error 2^-33. */
static inline float er_cos_reduced(float r)
{
    const float z = r * r;
    return 1.0f - (0.5f * z - z * z * (0.0416666456f + z * (-0.00138873677f + z * 2.44384155e-5f)));
}

/* x = quarter * pi / 2 + rest, modulo 2 pi. */
typedef struct {
    uint32_t quarter;
    float rest;
} er_angle;

/* For finite x. Payne and Hanek: of the product of x's significand M with 2 / pi, only 64 bits
 * around the binary point matter; those above are whole turns. */
static inline er_angle er_reduce_angle(float x)
{
    /* 32 zeros, then the bits of 2 / pi. */
    static const uint32_t two_over_pi[8] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                            0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    const float a = er_abs(x);
    er_angle angle = {0, x};
    if (a < 0.785398163f) {
        return angle;
    }
    const uint32_t bits = er_bits(a), significand = (bits & 0x7fffff) | 0x800000;
    /* The first bit of the window has the weight 2 in the product with 2^(exponent - 23). */
    const uint32_t first = (bits >> 23) - 127 + 7;
    const uint32_t *from = two_over_pi + first / 32;
    const uint32_t shift = first % 32;
    uint32_t window[3];
    for (uint32_t i = 0; i < 3; i++) {
        window[i] = (uint32_t)(((uint64_t)from[i] << 32 | from[i + 1]) >> (32 - shift));
    }
    const uint64_t turns = ((uint64_t)(significand * window[0]) << 32) +
                           (uint64_t)significand * window[1] +
                           ((uint64_t)significand * window[2] >> 32);
    const uint64_t nearest = (turns + ((uint64_t)1 << 61)) >> 62;
    const uint64_t rest = turns - (nearest << 62); /* as a signed number, in quarters * 2^-62 */
    const float size = (float)(rest >> 63 ? -rest : rest) * 3.40612167e-19f;
    const int is_negative = (rest >> 63 != 0) != (x < 0.0f);
    angle.quarter = (uint32_t)(x < 0.0f ? -nearest : nearest) & 3;
    angle.rest = is_negative ? -size : size;
    return angle;
}

/* sin(x + quarters * pi / 2) */
static inline float er_sin_ahead(float x, uint32_t quarters)
{
    if (!(er_abs(x) < ER_INFINITY)) {
        return ER_NAN;
    }
    const er_angle angle = er_reduce_angle(x);
    const uint32_t place = angle.quarter + quarters;
    const float value = place & 1 ? er_cos_reduced(angle.rest) : er_sin_reduced(angle.rest);
    return place & 2 ? -value : value;
}

static inline float er_sin(float x)
{
    return er_sin_ahead(x, 0);
}

static inline float er_cos(float x)
{
    return er_sin_ahead(x, 1);
}

/* A number of more bits than a float has: the sum of both, `high` of at most 12 bits. */
typedef struct {
    float high, low;
} er_wide;

/* log(x) for positive finite x, to 2^-31 of itself or better. */
static inline er_wide er_wide_log(float x)
{
    const er_split split = er_split_power(x);
    const float f = split.rest, sum = 2.0f + f;
    /* s = f / (2 + f) as two floats: the first quotient, and that of what it leaves. */
    const float sum_high = er_upper_half(sum), sum_low = f - (sum_high - 2.0f);
    const float s = er_upper_half(f / sum);
    const float s_low = ((f - s * sum_high) - s * sum_low) / sum;
    const float s_all = s + s_low;
    const float tail = s_all * er_log_tail(s_all * s_all);
    const float large = split.exponent * ER_LN2_HIGH, middle = 2.0f * s;
    const float first = large + middle;
    const float lost = middle - (first - large);
    const float small = lost + (split.exponent * ER_LN2_LOW + (2.0f * s_low + tail));
    er_wide result;
    result.high = er_upper_half(first + small);
    result.low = (first - result.high) + small;
    return result;
}

/* Whether a whole y, below 2^24, is odd. */
static inline int er_is_odd(float y)
{
    return er_abs(y) < 16777216.0f && ((int32_t)y & 1);
}

/* exp(y * log(x)) for x > 0 and not 1, y not 0; neither is NaN. */
static inline float er_pow_positive(float x, float y)
{
    if (x == 0.0f || x == ER_INFINITY || er_abs(y) == ER_INFINITY) {
        return (x > 1.0f) == (y > 0.0f) ? ER_INFINITY : 0.0f;
    }
    const er_wide log = er_wide_log(x);
    const float about = y * log.high;
    if (!(er_abs(about) < 150.0f)) {
        return about > 0.0f ? ER_INFINITY : 0.0f;
    }
    const float y_high = er_upper_half(y);
    const float product = y_high * log.high;
    return er_exp_of_sum(product, (y - y_high) * log.high + y * log.low);
}

static inline float er_pow(float x, float y)
{
    if (x == 1.0f || y == 0.0f) {
        return 1.0f;
    }
    if (er_is_nan(x) || er_is_nan(y)) {
        return x + y;
    }
    if (x == -1.0f && er_abs(y) == ER_INFINITY) {
        return 1.0f;
    }
    const int is_negative = er_bits(x) >> 31 != 0;
    if (is_negative && x != 0.0f && er_abs(x) < ER_INFINITY && !er_is_whole(y)) {
        return ER_NAN;
    }
    const float a = er_abs(x);
    const float size = a == 1.0f ? 1.0f : er_pow_positive(a, y);
    return is_negative && er_is_whole(y) && er_is_odd(y) ? -size : size;
}

/* The rest of x / y truncated, exact, with the sign of x. */
static inline float er_fmod(float x, float y)
{
    const float b = er_abs(y);
    float a = er_abs(x);
    if (!(a < ER_INFINITY) || !(b > 0.0f)) {
        return ER_NAN;
    }
    while (a >= b) {
        /* b * 2^n, the largest that is not above a; all of this is exact. */
        const int32_t n = (int32_t)(er_bits(a) >> 23) - (int32_t)(er_bits(b) >> 23);
        float part = n > 0 ? er_scale_by_power(b, n - 1) : b;
        while (part <= a - part) {
            part += part;
        }
        a -= part;
    }
    return er_signed(a, x);
}

#endif
