/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte a weight.
 */
#include "er_kernels.h"

static inline const int8_t *weights_of(const int8_t *weights, int32_t channel, int32_t taps,
                                       int8_t *room)
{
    (void)room;
    return weights + channel * taps;
}

#include "er_depthwise_dsp.h"

void er_depthwise_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
