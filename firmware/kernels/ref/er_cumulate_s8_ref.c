/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"

/* Terms have 19 more bits, and sums start with minus the zero point, as TensorFlow Lite Micro's. */
void er_cumulate_s8_ref(const er_cumulate_s8 *p, const int8_t *input, int8_t *output,
                        void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->outer; i++) {
        for (uint32_t j = 0; j < p->inner; j++) {
            int32_t sum = er_shift_left(-p->in_zero, 19);
            for (uint32_t k = 0; k < p->depth; k++) {
                const uint32_t place = p->reverse ? p->depth - 1 - k : k;
                const uint32_t at = (i * p->depth + place) * p->inner + j;
                const int32_t before = sum;
                sum = er_wrapping_add(sum, er_shift_left(input[at] - p->in_zero, 19));
                const int32_t scaled = er_multiply(p->exclusive ? before : sum,
                                                   p->factor.mantissa, p->factor.shift);
                output[at] = er_offset_and_clamp(scaled, p->out_zero, INT8_MIN, INT8_MAX);
            }
        }
    }
}
