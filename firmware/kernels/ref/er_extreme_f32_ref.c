/* SPDX-License-Identifier: Apache-2.0 */
#include "er_reduction.h"

void er_extreme_f32_ref(const er_extreme *p, const float *input, float *output, void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->axes.outputs; i++) {
        const float *first = input + er_first(&p->axes, i);
        output[i] = p->smallest ? er_reduce_floats(&p->axes, first, ER_SMALLEST)
                                : er_reduce_floats(&p->axes, first, ER_LARGEST);
    }
}
