/* SPDX-License-Identifier: Apache-2.0 */
#include "er_attributes.h"
#include "er_dsp.h"
#include "er_kernels.h"

/* The operand of the smaller scale; that of the larger is just shifted, as its factor is 1/2. */
typedef struct {
    const int8_t *values;
    int32_t zero;
    int32_t shift_left;
    er_scaling scaling;
} operand;

/* (value - zero) * 2^20 times the factor, rounded twice. The factor 1/2, which has no shift to the
 * right, is exact: it is taken as one shift more to the left, and one to the right. */
static operand operand_of(const int8_t *values, int32_t zero, er_multiplier factor)
{
    const int is_half = factor.shift == 0;
    const operand result = {values, zero, is_half ? 21 : 20,
                            er_scaling_of(factor.mantissa, is_half ? -1 : factor.shift)};
    return result;
}

ER_ALWAYS_INLINE void add(const er_sum_params *p, operand small, const int8_t *large,
                          int32_t zero_large, int is_partial, int8_t *output)
{
    const er_range_s8 range = er_range_of(p->out_zero, p->act_min, p->act_max);
    const er_scaling out = er_scaling_of(p->factor_out.mantissa, p->factor_out.shift);
    for (uint32_t i = p->elements; i > 0; i--) {
        const int32_t wide = er_shift_left(*small.values++ - small.zero, small.shift_left);
        const int32_t high = er_high_quickly(wide, small.scaling);
        const int32_t nudged = high + (high >> 31);
        const int32_t scaled = ((nudged >> small.scaling.halved) + 1) >> 1;
        const int32_t sum = scaled + (*large++ - zero_large) * (1 << 19);
        const int32_t value = er_scale_quickly(sum, out, range.twice_zero_and_one);
        *output++ = (int8_t)(is_partial ? er_clamp(range, value) : value);
    }
}

/* One factor must be 1/2, the other at most that, and that of the sum less than 1/4. */
void er_add_s8_dsp(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    const int a_is_large = p->factor_a.shift == 0;
    const operand small = a_is_large ? operand_of(b, p->zero_b, p->factor_b)
                                     : operand_of(a, p->zero_a, p->factor_a);
    const int8_t *large = a_is_large ? a : b;
    const int32_t zero_large = a_is_large ? p->zero_a : p->zero_b;
    (void)scratch;
    if (p->act_min > INT8_MIN || p->act_max < INT8_MAX) {
        add(p, small, large, zero_large, 1, output);
    } else {
        add(p, small, large, zero_large, 0, output);
    }
}
