/* SPDX-License-Identifier: Apache-2.0 */
#include "er_conv_floats.h"

void er_depthwise_f32f16_ref(const er_conv_f32 *p, const float *input, float *output, void *scratch)
{
    (void)scratch;
    er_depthwise_floats(p, input, output, ER_F16);
}
