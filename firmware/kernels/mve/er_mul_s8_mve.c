/* SPDX-License-Identifier: Apache-2.0
 *
 * Four elements of a row at a time, of which an operand may have only one. The factor must be below
 * 1/4.
 */
#include "er_kernels.h"
#include "er_mve.h"

/* One row, whose elements are `a_step` and `b_step`, 0 or 1, apart. */
static void row(const er_product_params *p, const int8_t *a, uint32_t a_step, const int8_t *b,
                uint32_t b_step, int8_t *output)
{
    const int32_t zero_a = p->zero_a, zero_b = p->zero_b, out_zero = p->out_zero;
    const int32x4_t mantissa = vdupq_n_s32(p->factor.mantissa);
    const int32x4_t shift = vdupq_n_s32(p->factor.shift);
    const int32x4_t low = vdupq_n_s32(p->act_min), high = vdupq_n_s32(p->act_max);
    int32x4_t one = vdupq_n_s32(*a), two = vdupq_n_s32(*b);
    for (int32_t left = (int32_t)p->pairs.shape[3]; left > 0; left -= 4) {
        const mve_pred16_t some = vctp32q((uint32_t)left);
        if (a_step != 0) {
            one = vldrbq_z_s32(a, some);
        }
        if (b_step != 0) {
            two = vldrbq_z_s32(b, some);
        }
        const int32x4_t product =
            vmulq_s32(vaddq_n_s32(one, -zero_a), vaddq_n_s32(two, -zero_b));
        const int32x4_t scaled = er_scaled(product, mantissa, shift, ER_TWICE);
        const int32x4_t value = vaddq_n_s32(scaled, out_zero);
        vstrbq_p_s32(output, vminq_s32(vmaxq_s32(value, low), high), some);
        a += 4;
        b += 4;
        output += 4;
    }
}

void er_mul_s8_mve(const er_product_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch)
{
    const uint32_t *n = p->pairs.shape;
    const uint32_t *step_a = p->pairs.stride_a, *step_b = p->pairs.stride_b;
    (void)scratch;
    for (uint32_t i = 0; i < n[0]; i++) {
        for (uint32_t j = 0; j < n[1]; j++) {
            for (uint32_t k = 0; k < n[2]; k++, output += n[3]) {
                row(p, a + i * step_a[0] + j * step_a[1] + k * step_a[2], step_a[3],
                    b + i * step_b[0] + j * step_b[1] + k * step_b[2], step_b[3], output);
            }
        }
    }
}
