/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, depthwise and transposed convolution, fully connected, of int16 by int8 weights.
 * All zero points are 0.
 */
#ifndef ER_LINEAR_S16_H
#define ER_LINEAR_S16_H

#include "er_types.h"

/* Where sums are `wide`, of 64 bits, an output is round(sum * mantissa / 2^shift) with a mantissa
 * of 15 bits; else as with int8. */
typedef struct {
    er_window window;
    uint32_t groups;
    int16_t act_min, act_max;
    uint32_t wide;
    const int8_t *weights;
    const int64_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_conv_s16;

/* output[rows][out] = input[rows][in] * weights^T. */
typedef struct {
    uint32_t rows, in, out;
    int16_t act_min, act_max;
    uint32_t wide;
    const int8_t *weights;
    const int64_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_linear_s16;

void er_conv_s16_ref(const er_conv_s16 *p, const int16_t *input, int16_t *output, void *scratch);
void er_conv_transposed_s16_ref(const er_conv_s16 *p, const int16_t *input, int16_t *output,
                                void *scratch);
void er_depthwise_s16_ref(const er_conv_s16 *p, const int16_t *input, int16_t *output,
                          void *scratch);
void er_linear_s16_ref(const er_linear_s16 *p, const int16_t *input, int16_t *output,
                       void *scratch);

void er_conv_s16_mve(const er_conv_s16 *p, const int16_t *input, int16_t *output, void *scratch);
void er_conv_s16_dsp(const er_conv_s16 *p, const int16_t *input, int16_t *output, void *scratch);

#endif
