/* SPDX-License-Identifier: Apache-2.0 */
#include "er_linear_floats.h"

void er_linear_f32s8_ref(const er_linear_f32 *p, const float *input, float *output, void *scratch)
{
    (void)scratch;
    er_linear_floats(p, input, output, ER_S8);
}
