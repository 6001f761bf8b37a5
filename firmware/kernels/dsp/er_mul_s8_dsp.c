/* SPDX-License-Identifier: Apache-2.0 */
#include "er_attributes.h"
#include "er_dsp.h"
#include "er_kernels.h"

typedef struct {
    const int8_t *values;
    uint32_t step;
    int32_t zero;
} operand;

/* `count` products of elements that are `step` apart. */
ER_ALWAYS_INLINE void multiply(operand a, operand b, uint32_t count, er_scaling scaling,
                               er_range_s8 range, int is_partial, int8_t *output)
{
    for (; count > 0; count--) {
        const int32_t product = (*a.values - a.zero) * (*b.values - b.zero);
        const int32_t value = er_scale_quickly(product, scaling, range.twice_zero_and_one);
        a.values += a.step;
        b.values += b.step;
        *output++ = (int8_t)(is_partial ? er_clamp(range, value) : value);
    }
}

ER_NEVER_INLINE void row(const er_product_params *p, const int8_t *a, const int8_t *b,
                         int8_t *output)
{
    const uint32_t count = p->pairs.shape[3];
    const operand one = {a, p->pairs.stride_a[3], p->zero_a};
    const operand two = {b, p->pairs.stride_b[3], p->zero_b};
    const er_range_s8 range = er_range_of(p->out_zero, p->act_min, p->act_max);
    const er_scaling scaling = er_scaling_of(p->factor.mantissa, p->factor.shift);
    if (er_is_partial(range)) {
        multiply(one, two, count, scaling, range, 1, output);
    } else {
        multiply(one, two, count, scaling, range, 0, output);
    }
}

/* The factor must be below 1/4. */
void er_mul_s8_dsp(const er_product_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    const uint32_t *n = p->pairs.shape;
    const uint32_t *step_a = p->pairs.stride_a, *step_b = p->pairs.stride_b;
    (void)scratch;
    for (uint32_t i = 0; i < n[0]; i++) {
        for (uint32_t j = 0; j < n[1]; j++) {
            for (uint32_t k = 0; k < n[2]; k++, output += n[3]) {
                row(p, a + i * step_a[0] + j * step_a[1] + k * step_a[2],
                    b + i * step_b[0] + j * step_b[1] + k * step_b[2], output);
            }
        }
    }
}
