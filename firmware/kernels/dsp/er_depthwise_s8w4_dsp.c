/* SPDX-License-Identifier: Apache-2.0
 *
 * Half a byte a weight, the first of each two in the lower half; those of a channel start with a
 * byte. They are unpacked once a channel.
 */
#include "er_kernels.h"
#include "er_nibbles.h"

static inline const int8_t *weights_of(const int8_t *weights, int32_t channel, int32_t taps,
                                       int8_t *room)
{
    const int8_t *packed = weights + channel * ((taps + 1) / 2);
    for (int32_t i = 0; i < taps; i++) {
        room[i] = (int8_t)er_nibble(packed, i);
    }
    return room;
}

#include "er_depthwise_dsp.h"

void er_depthwise_s8w4_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
