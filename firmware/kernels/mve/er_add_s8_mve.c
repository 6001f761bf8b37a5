/* SPDX-License-Identifier: Apache-2.0
 *
 * Four elements at a time. One factor must be 1/2, the other at most that and not 0, and that of the
 * sum less than 1/4.
 */
#include "er_kernels.h"
#include "er_mve.h"

/* All but the values. The operand of the smaller scale is taken as value * power + offset, its
 * distance from the zero point times 2^20, and scaled. The one of the larger scale has the factor
 * 1/2, which is exact: that is a power too. For the smaller it is taken as one shift more to the
 * left, and one to the right. */
typedef struct {
    int32_t power, offset, mantissa, shift;
    int32_t large_power, large_offset;
    int32_t out_mantissa, out_shift, out_zero;
    int32x4_t low, high;
} scaling;

static inline scaling scaling_of(const er_sum_params *p, int a_is_large)
{
    const er_multiplier small = a_is_large ? p->factor_b : p->factor_a;
    const er_multiplier large = a_is_large ? p->factor_a : p->factor_b;
    const int32_t zero = a_is_large ? p->zero_b : p->zero_a;
    const int32_t large_zero = a_is_large ? p->zero_a : p->zero_b;
    const int is_half = small.shift == 0;
    const int32_t power = is_half ? 1 << 21 : 1 << 20, large_power = large.mantissa >> 11;
    const scaling s = {power,
                       -zero * power,
                       small.mantissa,
                       is_half ? -1 : small.shift,
                       large_power,
                       -large_zero * large_power,
                       p->factor_out.mantissa,
                       p->factor_out.shift,
                       p->out_zero,
                       vdupq_n_s32(p->act_min),
                       vdupq_n_s32(p->act_max)};
    return s;
}

/* Like er_scaled, with factors that all share. */
ER_ALWAYS_INLINE int32x4_t scaled(int32x4_t values, int32_t mantissa, int32_t shift, er_how how)
{
    const int32x4_t high = vqrdmulhq_n_s32(values, mantissa);
    const int32x4_t nudged = how == ER_POSITIVE ? high : vaddq_s32(high, vshrq_n_s32(high, 31));
    return vrshlq_n_s32(nudged, shift);
}

ER_ALWAYS_INLINE int32x4_t sum(const scaling *s, int32x4_t small, int32x4_t large, er_how how)
{
    const int32x4_t wide = vaddq_n_s32(vmulq_n_s32(small, s->power), s->offset);
    const int32x4_t first = scaled(wide, s->mantissa, s->shift, ER_TWICE);
    const int32x4_t both = vaddq_n_s32(vmlaq_n_s32(first, large, s->large_power), s->large_offset);
    const int32x4_t made = scaled(both, s->out_mantissa, s->out_shift, how);
    return vminq_s32(vmaxq_s32(vaddq_n_s32(made, s->out_zero), s->low), s->high);
}

ER_ALWAYS_INLINE void add(const er_sum_params *p, const int8_t *a, const int8_t *b, er_how how,
                          int8_t *output)
{
    const int a_is_large = p->factor_a.shift == 0;
    const scaling s = scaling_of(p, a_is_large);
    const int8_t *small = a_is_large ? b : a, *large = a_is_large ? a : b;
    for (int32_t left = (int32_t)p->elements; left > 0; left -= 4) {
        const mve_pred16_t some = vctp32q((uint32_t)left);
        const int32x4_t first = vldrbq_z_s32(small, some), second = vldrbq_z_s32(large, some);
        vstrbq_p_s32(output, sum(&s, first, second, how), some);
        small += 4;
        large += 4;
        output += 4;
    }
}

void er_add_s8_mve(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    (void)scratch;
    if (p->act_min >= p->out_zero) {
        add(p, a, b, ER_POSITIVE, output);
    } else {
        add(p, a, b, ER_TWICE, output);
    }
}
