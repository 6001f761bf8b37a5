/* SPDX-License-Identifier: Apache-2.0
 *
 * er_vec.h by NEON; with SDOT where the compiler may use it (__ARM_FEATURE_DOTPROD).
 */
#ifndef ER_VEC_NEON_H
#define ER_VEC_NEON_H

#include <arm_neon.h>

typedef int32x4_t er_quad;
typedef int8x16_t er_tile;
typedef int8x16_t er_inputs;

static inline er_quad er_quad_of(int32_t value)
{
    return vdupq_n_s32(value);
}

static inline er_quad er_quad_load(const int32_t *from)
{
    return vld1q_s32(from);
}

static inline void er_quad_store(er_quad a, int32_t *to)
{
    vst1q_s32(to, a);
}

static inline int8x8_t er_four_bytes(const int8_t *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return vreinterpret_s8_s32(vdup_n_s32(word));
}

static inline er_quad er_quad_load_s8(const int8_t *from)
{
    return vmovl_s16(vget_low_s16(vmovl_s8(er_four_bytes(from))));
}

static inline void er_quad_store_s8(er_quad a, int8_t *to)
{
    const int16x4_t halves = vmovn_s32(a);
    const int8x8_t bytes = vmovn_s16(vcombine_s16(halves, halves));
    const int32_t word = vget_lane_s32(vreinterpret_s32_s8(bytes), 0);
    __builtin_memcpy(to, &word, sizeof word);
}

static inline er_quad er_quad_add(er_quad a, er_quad b)
{
    return vaddq_s32(a, b);
}

static inline er_quad er_quad_sub(er_quad a, er_quad b)
{
    return vsubq_s32(a, b);
}

static inline er_quad er_quad_min(er_quad a, er_quad b)
{
    return vminq_s32(a, b);
}

static inline er_quad er_quad_max(er_quad a, er_quad b)
{
    return vmaxq_s32(a, b);
}

static inline er_quad er_quad_shift_left(er_quad a, er_quad n)
{
    return vshlq_s32(a, n);
}

/* er_high: that is what SQRDMULH does. */
static inline er_quad er_quad_high(er_quad a, er_quad b)
{
    return vqrdmulhq_s32(a, b);
}

/* er_rounding_shift_right: SRSHL rounds halves up, so one is taken from negative numbers first, if
 * they are shifted at all. */
static inline er_quad er_quad_rounding_shift_right(er_quad a, er_quad n)
{
    const er_quad by = vnegq_s32(n);
    return vrshlq_s32(vaddq_s32(a, vshrq_n_s32(vandq_s32(a, by), 31)), by);
}

static inline er_tile er_tile_load(const int8_t *from)
{
    return vld1q_s8(from);
}

static inline er_inputs er_inputs_load(const int8_t *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return vreinterpretq_s8_s32(vdupq_n_s32(word));
}

#if defined(__ARM_FEATURE_DOTPROD)
typedef int32x4_t er_dots;

static inline er_dots er_dots_none(void)
{
    return vdupq_n_s32(0);
}

static inline er_dots er_dots_add(er_dots dots, er_tile weights, er_inputs x)
{
    return vdotq_s32(dots, weights, x);
}

static inline er_quad er_dots_sum(er_dots dots)
{
    return dots;
}
#else
/* Two sums a channel: of channels 0 and 1, then of 2 and 3. */
typedef int32x4x2_t er_dots;

static inline er_dots er_dots_none(void)
{
    const er_dots none = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
    return none;
}

static inline er_dots er_dots_add(er_dots dots, er_tile weights, er_inputs x)
{
    dots.val[0] = vpadalq_s16(dots.val[0], vmull_s8(vget_low_s8(weights), vget_low_s8(x)));
    dots.val[1] = vpadalq_s16(dots.val[1], vmull_high_s8(weights, x));
    return dots;
}

static inline er_quad er_dots_sum(er_dots dots)
{
    return vpaddq_s32(dots.val[0], dots.val[1]);
}
#endif

/* Adds the products of eight channels, which fit into 16 bits, to their sums. */
static inline void er_add_products_8(er_quad *sums, const int8_t *x, const int8_t *weights)
{
    const int16x8_t products = vmull_s8(vld1_s8(x), vld1_s8(weights));
    sums[0] = vaddw_s16(sums[0], vget_low_s16(products));
    sums[1] = vaddw_high_s16(sums[1], products);
}

static inline void er_add_products_16(er_quad *sums, const int8_t *x, const int8_t *weights)
{
    const int8x16_t a = vld1q_s8(x), b = vld1q_s8(weights);
    const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b)), high = vmull_high_s8(a, b);
    sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
    sums[1] = vaddw_high_s16(sums[1], low);
    sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
    sums[3] = vaddw_high_s16(sums[3], high);
}

#endif
