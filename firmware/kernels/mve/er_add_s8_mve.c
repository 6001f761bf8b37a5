/* SPDX-License-Identifier: Apache-2.0
 *
 * Four elements at a time. One factor must be 1/2, the other at most that and not 0, and that of the
 * sum less than 1/4.
 */
#include "er_kernels.h"
#include "er_mve.h"

/* The operand of the smaller scale, as value * power + offset: its distance from the zero point
 * times 2^20. The one of the larger scale needs no more than that: its factor 1/2 is exact, which as
 * the factor of the smaller is taken as one shift more to the left, and one to the right. */
typedef struct {
    const int8_t *values;
    int32_t power, offset;
    int32_t mantissa, shift;
} operand;

static operand operand_of(const int8_t *values, int32_t zero, er_multiplier factor)
{
    const int32_t power = factor.shift == 0 ? 1 << 21 : 1 << 20;
    const operand small = {values, power, -zero * power, factor.mantissa,
                           factor.shift == 0 ? -1 : factor.shift};
    return small;
}

/* Like er_scaled, with factors that all share. */
ER_ALWAYS_INLINE int32x4_t scaled(int32x4_t values, int32_t mantissa, int32_t shift)
{
    const int32x4_t high = vqrdmulhq_n_s32(values, mantissa);
    return vrshlq_n_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shift);
}

ER_ALWAYS_INLINE int32x4_t four(const er_sum_params *p, const operand *small, int32x4_t a,
                                int32x4_t b, int32_t offset)
{
    const int32x4_t wide = vmlasq_n_s32(a, vdupq_n_s32(small->power), small->offset);
    const int32x4_t first = scaled(wide, small->mantissa, small->shift);
    const int32x4_t sum = vaddq_n_s32(vmlaq_n_s32(first, b, 1 << 19), offset);
    const int32x4_t value =
        vaddq_n_s32(scaled(sum, p->factor_out.mantissa, p->factor_out.shift), p->out_zero);
    return vminq_s32(vmaxq_s32(value, vdupq_n_s32(p->act_min)), vdupq_n_s32(p->act_max));
}

void er_add_s8_mve(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    const er_sum_params same = *p; /* which no store changes */
    const int a_is_large = p->factor_a.shift == 0;
    operand small = a_is_large ? operand_of(b, p->zero_b, p->factor_b)
                               : operand_of(a, p->zero_a, p->factor_a);
    const int8_t *large = a_is_large ? a : b;
    const int32_t offset = (a_is_large ? p->zero_a : p->zero_b) * -(1 << 19);
    uint32_t left = p->elements;
    (void)scratch;
    for (; left >= 4; left -= 4, small.values += 4, large += 4, output += 4) {
        const int32x4_t first = vldrbq_s32(small.values), second = vldrbq_s32(large);
        vstrbq_s32(output, four(&same, &small, first, second, offset));
    }
    if (left > 0) {
        const mve_pred16_t some = vctp32q(left);
        const int32x4_t first = vldrbq_z_s32(small.values, some);
        const int32x4_t second = vldrbq_z_s32(large, some);
        vstrbq_p_s32(output, four(&same, &small, first, second, offset), some);
    }
}
