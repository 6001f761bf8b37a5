/* SPDX-License-Identifier: Apache-2.0 */
#include "er_vec_dots.h"

/* The input's zero point is folded into the bias. Rows that are no whole tiles are copied to
 * `scratch`. */
void er_linear_s8_vec(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = (int32_t)p->in, padded = er_padded(depth);
    const er_vec_layer layer = {
        p->weights, p->bias, p->mantissa, p->shift,
        er_vec_range_of(p->out_zero, p->act_min, p->act_max), padded, (int32_t)p->out,
        (int32_t)p->scale_step, er_any_rounds_once(p->shift, p->scale_step ? (int32_t)p->out : 1),
    };
    for (uint32_t row = 0; row < p->rows; row++, input += depth, output += p->out) {
        const int8_t *x = input;
        if (padded != depth) {
            er_vec_copy(input, depth, scratch);
            x = scratch;
        }
        er_vec_row(&layer, x, output);
    }
}
