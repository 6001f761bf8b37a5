/* SPDX-License-Identifier: Apache-2.0
 *
 * Two kernels that share their inner loops: see er_conv_joined_dsp.h, and of each
 * er_conv_patches_dsp.h and er_conv_rows_dsp.h. Linkers leave out what a model does not call.
 */
#include "er_conv_joined_dsp.h"
#include "er_conv_patches_dsp.h"
#include "er_conv_rows_dsp.h"

void er_conv_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}

void er_conv_rows_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve_rows(p, input, output, scratch);
}
