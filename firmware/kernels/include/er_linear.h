/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, depthwise convolution, fully connected.
 */
#ifndef ER_LINEAR_H
#define ER_LINEAR_H

#include "er_types.h"

/* Convolution and depthwise convolution. One bias, mantissa and shift an output channel; for portable
 * kernels, `mantissa` or `shift` may be NULL and both be packed in the other: see er_factors.h.
 * `weights` and `bias` are packed as the chosen kernel reads them. */
typedef struct {
    er_window window;
    int8_t in_zero, out_zero;
    int8_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_conv_s8;

/* output[rows][out] = input[rows][in] * weights^T. Mantissas and shifts are one an output
 * (`scale_step` is 1), or those of the first four, or fewer, serve all (0). */
typedef struct {
    uint32_t rows, in, out;
    int8_t in_zero, out_zero;
    int8_t act_min, act_max;
    uint32_t scale_step;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_linear_s8;

/* Convolution of `groups` groups of channels, each with its share of the outputs, by weights that
 * may have a zero point. Weights are OHWI, I being the channels of a group. A transposed
 * convolution has the strides, dilations and padding of the convolution that it is the transpose
 * of; sizes and channels are those of its own input and output. */
typedef struct {
    er_window window;
    uint32_t groups;
    int16_t in_zero, weight_zero, out_zero;
    int16_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_conv_grouped_s8;

void er_conv_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_conv_grouped_s8_ref(const er_conv_grouped_s8 *p, const int8_t *input, int8_t *output,
                            void *scratch);
void er_conv_transposed_s8_ref(const er_conv_grouped_s8 *p, const int8_t *input, int8_t *output,
                               void *scratch);
void er_depthwise_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8_ref(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_conv_s8w4_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_s8w4_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8w4_ref(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);

void er_conv_s8_m0(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_s8_m0(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8_m0(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);

void er_conv_s8_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_s8_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_conv_s8w4_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8w4_mve(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8_mve(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);

void er_conv_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_conv_rows_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_conv_deep_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_3x3_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output,
                             void *scratch);
void er_depthwise_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8_dsp(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_conv_s8w4_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_s8w4_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8w4_dsp(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);

void er_conv_s8_rv32(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_3x3_s8_rv32(const er_conv_s8 *p, const int8_t *input, int8_t *output,
                              void *scratch);
void er_linear_s8_rv32(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);

void er_conv_s8_vec(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_s8_vec(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8_vec(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);

#endif
