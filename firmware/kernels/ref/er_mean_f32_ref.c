/* SPDX-License-Identifier: Apache-2.0 */
#include "er_reduction.h"

void er_mean_f32_ref(const er_mean_f32 *p, const float *input, float *output, void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->axes.outputs; i++) {
        const float sum = er_reduce_floats(&p->axes, input + er_first(&p->axes, i), ER_SUM);
        output[i] = sum / p->divisor;
    }
}
