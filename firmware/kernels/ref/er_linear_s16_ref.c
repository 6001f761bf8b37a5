/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_wide.h"

/* Weights are OI. */
void er_linear_s16_ref(const er_linear_s16 *p, const int16_t *input, int16_t *output,
                       void *scratch)
{
    const int32_t depth = (int32_t)p->in;
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += depth) {
        const int8_t *weights = p->weights;
        for (uint32_t c = 0; c < p->out; c++, weights += depth) {
            const int64_t sum = p->bias[c] + er_dot_wide(input, weights, depth);
            *output++ = er_finish_wide(sum, p->wide, p->mantissa[c], p->shift[c], p->act_min,
                                       p->act_max);
        }
    }
}
