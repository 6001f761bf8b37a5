/* SPDX-License-Identifier: Apache-2.0 */
#include "er_conv_floats.h"

void er_conv_transposed_f32f16_ref(const er_conv_f32 *p, const float *input, float *output,
                                 void *scratch)
{
    er_conv_transposed_floats(p, input, output, scratch, ER_F16);
}
