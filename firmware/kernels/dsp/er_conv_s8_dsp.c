/* SPDX-License-Identifier: Apache-2.0
 *
 * Patch by patch: see er_conv_patches_dsp.h and er_conv_joined_dsp.h.
 */
#include "er_conv_joined_dsp.h"
#include "er_conv_patches_dsp.h"

void er_conv_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
