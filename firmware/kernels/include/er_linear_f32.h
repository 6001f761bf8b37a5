/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution, depthwise and transposed convolution, fully connected, in single precision. A
 * kernel's type is f32 where weights are single precision too, f32s8 where they are int8 with a
 * scale for each output channel, f32f16 where they are half precision.
 */
#ifndef ER_LINEAR_F32_H
#define ER_LINEAR_F32_H

#include "er_types.h"

/* `weights` are packed as the kernel reads them; `scale` is NULL where they are floating point. */
typedef struct {
    er_window window;
    uint32_t groups;
    float act_min, act_max;
    const void *weights;
    const float *scale;
    const float *bias;
} er_conv_f32;

/* output[rows][out] = input[rows][in] * weights^T. */
typedef struct {
    uint32_t rows, in, out;
    float act_min, act_max;
    const void *weights;
    const float *scale;
    const float *bias;
} er_linear_f32;

void er_conv_f32_ref(const er_conv_f32 *p, const float *input, float *output, void *scratch);
void er_conv_f32s8_ref(const er_conv_f32 *p, const float *input, float *output, void *scratch);
void er_conv_f32f16_ref(const er_conv_f32 *p, const float *input, float *output, void *scratch);
void er_conv_transposed_f32_ref(const er_conv_f32 *p, const float *input, float *output,
                                void *scratch);
void er_conv_transposed_f32s8_ref(const er_conv_f32 *p, const float *input, float *output,
                                  void *scratch);
void er_conv_transposed_f32f16_ref(const er_conv_f32 *p, const float *input, float *output,
                                   void *scratch);
void er_depthwise_f32_ref(const er_conv_f32 *p, const float *input, float *output, void *scratch);
void er_depthwise_f32s8_ref(const er_conv_f32 *p, const float *input, float *output,
                            void *scratch);
void er_depthwise_f32f16_ref(const er_conv_f32 *p, const float *input, float *output,
                             void *scratch);
void er_linear_f32_ref(const er_linear_f32 *p, const float *input, float *output, void *scratch);
void er_linear_f32s8_ref(const er_linear_f32 *p, const float *input, float *output, void *scratch);
void er_linear_f32f16_ref(const er_linear_f32 *p, const float *input, float *output,
                          void *scratch);

#endif
