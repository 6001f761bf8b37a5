/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of single-precision products for the portable kernels, whatever their weights are stored
 * as. Every function is written once; a kernel's constant `kind` makes one of three of it.
 */
#ifndef ER_FLOATS_H
#define ER_FLOATS_H

#include <stdint.h>

#include "er_attributes.h"

typedef enum { ER_F32, ER_S8, ER_F16 } er_kind;

/* Channels whose weights lie side by side, element by element. */
enum { ER_LANES = 4 };

/* What stands for a number in half precision (IEEE 754 binary16), without infinities. Its exponent
 * lacks 112, which one multiplication adds, to subnormal numbers too. */
static inline float er_half(uint16_t bits)
{
#if defined(__ARM_FP16_FORMAT_IEEE) && defined(__ARM_FP) && (__ARM_FP & 2)
    __fp16 half;
    __builtin_memcpy(&half, &bits, sizeof half);
    return (float)half;
#else
    union {
        uint32_t bits;
        float value;
    } wide = {.bits = (uint32_t)(bits & 0x7fff) << 13};
    wide.value *= 5192296858534827628530496329220096.0f; /* 2^112 */
    wide.bits |= (uint32_t)(bits & 0x8000) << 16;
    return wide.value;
#endif
}

ER_ALWAYS_INLINE float er_weight(const void *weights, int32_t i, er_kind kind)
{
    if (kind == ER_F32) {
        return ((const float *)weights)[i];
    }
    return kind == ER_S8 ? (float)((const int8_t *)weights)[i]
                         : er_half(((const uint16_t *)weights)[i]);
}

ER_ALWAYS_INLINE const void *er_skip(const void *weights, int32_t count, er_kind kind)
{
    const int32_t bytes = kind == ER_F32 ? 4 : kind == ER_S8 ? 1 : 2;
    return (const int8_t *)weights + count * bytes;
}

/* What becomes of the sums of some channels. */
typedef struct {
    float low, high;
    const void *weights; /* four channels side by side, the last one to three likewise */
    const float *scale;
    const float *bias;
} er_channels_f32;

static inline float er_clamp_f32(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

ER_ALWAYS_INLINE float er_finish_f32(const er_channels_f32 *c, int32_t channel, float sum,
                                     er_kind kind)
{
    const float scaled = kind == ER_S8 ? sum * c->scale[channel] : sum;
    return er_clamp_f32(scaled + c->bias[channel], c->low, c->high);
}

/* Four channels by two vectors that stand one behind the other: the sums of the first, then those
 * of the second. */
ER_ALWAYS_INLINE void er_sum_2x4(const float *x, const void *weights, int32_t depth, float *sums,
                                 er_kind kind)
{
    const float *y = x + depth;
    float a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    ER_ROLLED
    for (int32_t i = 0; i < depth; i++, weights = er_skip(weights, ER_LANES, kind)) {
        const float w0 = er_weight(weights, 0, kind), w1 = er_weight(weights, 1, kind);
        const float w2 = er_weight(weights, 2, kind), w3 = er_weight(weights, 3, kind);
        a0 += x[i] * w0;
        a1 += x[i] * w1;
        a2 += x[i] * w2;
        a3 += x[i] * w3;
        b0 += y[i] * w0;
        b1 += y[i] * w1;
        b2 += y[i] * w2;
        b3 += y[i] * w3;
    }
    sums[0] = a0, sums[1] = a1, sums[2] = a2, sums[3] = a3;
    sums[4] = b0, sums[5] = b1, sums[6] = b2, sums[7] = b3;
}

/* Four channels by one vector. */
ER_ALWAYS_INLINE void er_sum_1x4(const float *x, const void *weights, int32_t depth, float *sums,
                                 er_kind kind)
{
    float a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    ER_ROLLED
    for (int32_t i = 0; i < depth; i++, weights = er_skip(weights, ER_LANES, kind)) {
        a0 += x[i] * er_weight(weights, 0, kind);
        a1 += x[i] * er_weight(weights, 1, kind);
        a2 += x[i] * er_weight(weights, 2, kind);
        a3 += x[i] * er_weight(weights, 3, kind);
    }
    sums[0] = a0, sums[1] = a1, sums[2] = a2, sums[3] = a3;
}

/* One vector by one channel whose weights lie `step` apart. */
ER_ALWAYS_INLINE float er_sum_1(const float *x, const void *weights, int32_t step, int32_t depth,
                                er_kind kind)
{
    float even = 0, odd = 0;
    int32_t i = 0, at = 0;
    for (; i + 1 < depth; i += 2, at += 2 * step) {
        even += x[i] * er_weight(weights, at, kind);
        odd += x[i + 1] * er_weight(weights, at + step, kind);
    }
    return i < depth ? even + odd + x[i] * er_weight(weights, at, kind) : even + odd;
}

/* The outputs of `count` channels, of one vector or of two that stand one behind the other; those
 * of the second go `step` elements further on. */
ER_ALWAYS_INLINE void er_multiply_f32(const er_channels_f32 *c, int32_t first, int32_t count,
                                      const float *x, int32_t vectors, int32_t depth,
                                      float *output, int32_t step, er_kind kind)
{
    const void *weights = er_skip(c->weights, first * depth, kind);
    int32_t channel = 0;
    for (; channel + ER_LANES <= count; channel += ER_LANES) {
        float sums[2 * ER_LANES];
        if (vectors == 2) {
            er_sum_2x4(x, weights, depth, sums, kind);
        } else {
            er_sum_1x4(x, weights, depth, sums, kind);
        }
        for (int32_t i = 0; i < vectors * ER_LANES; i++) {
            const int32_t lane = channel + i % ER_LANES;
            output[i / ER_LANES * step + lane] = er_finish_f32(c, first + lane, sums[i], kind);
        }
        weights = er_skip(weights, ER_LANES * depth, kind);
    }
    const int32_t rest = count - channel;
    for (int32_t lane = 0; lane < rest; lane++) {
        for (int32_t i = 0; i < vectors; i++) {
            const float sum =
                er_sum_1(x + i * depth, er_skip(weights, lane, kind), rest, depth, kind);
            output[i * step + channel + lane] =
                er_finish_f32(c, first + channel + lane, sum, kind);
        }
    }
}

#endif
