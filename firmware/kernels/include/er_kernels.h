/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel interface. A kernel's name is its contract: er_<op>_<type>_<isa>. Every ISA's version
 * of an operation takes the same parameters and gives the same bytes; they differ in speed, in the
 * scratch they need and in how their weights are packed. Which needs what stands in one list,
 * edge_runtime/kernels/catalog.py.
 *
 * Conventions. Images are NHWC, one image a call. A kernel writes only `output` and `scratch`.
 * Tensors, scratch and the arrays that parameters point to are aligned to 4 bytes. `scratch` may
 * be NULL where the list says 0 bytes. `output` may be `input` (or overlap it from the same start)
 * only where the list says in place.
 */
#ifndef ER_KERNELS_H
#define ER_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Factor from sums to outputs: mantissa * 2^(shift - 31); positive shifts go left. */
typedef struct {
    int32_t mantissa;
    int32_t shift;
} er_multiplier;

/* A window over an image; lengths in elements. */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kernel_h, kernel_w;
    uint16_t stride_h, stride_w;
    uint16_t dilation_h, dilation_w;
    uint16_t pad_top, pad_left;
} er_window;

/* Convolution and depthwise convolution. One bias, mantissa and shift an output channel. `weights`
 * and `bias` are packed as the chosen kernel reads them. */
typedef struct {
    er_window window;
    int16_t in_zero, out_zero;
    int16_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_conv_s8;

/* output[rows][out] = input[rows][in] * weights^T. */
typedef struct {
    uint32_t rows, in, out;
    int16_t in_zero, out_zero;
    int16_t act_min, act_max;
    const int8_t *weights;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_linear_s8;

/* Pools; the quantization is kept. */
typedef struct {
    er_window window;
    int16_t act_min, act_max;
} er_pool_s8;

/* Sum of two tensors of one shape, or of shapes that broadcast: `shape` is the output's, at most
 * four dimensions with leading ones; a stride of 0 repeats an operand along that axis. */
typedef struct {
    uint32_t elements;
    uint32_t shape[4];
    uint32_t stride_a[4], stride_b[4];
    int16_t zero_a, zero_b, out_zero;
    int16_t act_min, act_max;
    er_multiplier factor_a, factor_b, factor_out;
} er_add_s8;

/* Mean over axes: the input seen as shape[0..3]; `reduce` has bit i set where axis i is reduced. */
typedef struct {
    uint32_t shape[4];
    uint32_t reduce;
    int16_t in_zero, out_zero;
    int32_t count;
    er_multiplier factor;
} er_mean_s8;

/* Softmax over the last axis. */
typedef struct {
    uint32_t rows, depth;
    er_multiplier factor;
    int32_t smallest;
} er_softmax_s8;

typedef struct {
    uint32_t elements;
    float scale;
    int32_t zero;
} er_quantize_f32;

typedef struct {
    uint32_t elements;
    int16_t in_zero, out_zero;
    er_multiplier factor;
} er_requantize_s8;

typedef struct {
    uint32_t elements;
    float scale;
    int32_t zero;
} er_dequantize_s8;

/* Dimensions in another order: `shape` is the output's, with leading ones; `stride` is the step
 * through the input along each dimension of the output. */
typedef struct {
    uint32_t shape[4];
    uint32_t stride[4];
} er_transpose;

/* Portable C99: every core. */
void er_conv_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_s8_ref(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8_ref(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_average_pool_s8_ref(const er_pool_s8 *p, const int8_t *input, int8_t *output,
                            void *scratch);
void er_max_pool_s8_ref(const er_pool_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_add_s8_ref(const er_add_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_add_broadcast_s8_ref(const er_add_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                             void *scratch);
void er_mean_s8_ref(const er_mean_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_softmax_s8_ref(const er_softmax_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_quantize_f32_ref(const er_quantize_f32 *p, const float *input, int8_t *output,
                         void *scratch);
void er_requantize_s8_ref(const er_requantize_s8 *p, const int8_t *input, int8_t *output,
                          void *scratch);
void er_dequantize_s8_ref(const er_dequantize_s8 *p, const int8_t *input, float *output,
                          void *scratch);
void er_transpose_s8_ref(const er_transpose *p, const int8_t *input, int8_t *output, void *scratch);
void er_transpose_f32_ref(const er_transpose *p, const float *input, float *output, void *scratch);

/* Armv7E-M and Armv8-M with the DSP extension. */
void er_conv_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_depthwise_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_linear_s8_dsp(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_add_s8_dsp(const er_add_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);

#endif
