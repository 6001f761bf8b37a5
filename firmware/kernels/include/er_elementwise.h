/* SPDX-License-Identifier: Apache-2.0
 *
 * What treats each element by itself.
 */
#ifndef ER_ELEMENTWISE_H
#define ER_ELEMENTWISE_H

#include "er_types.h"

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

/* int8 to uint8 and back, zero points being 128 apart. */
typedef struct {
    uint32_t elements;
} er_flip;

void er_flip_x8_ref(const er_flip *p, const void *input, void *output, void *scratch);

void er_add_s8_ref(const er_add_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_add_broadcast_s8_ref(const er_add_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                             void *scratch);
void er_quantize_f32_ref(const er_quantize_f32 *p, const float *input, int8_t *output,
                         void *scratch);
void er_requantize_s8_ref(const er_requantize_s8 *p, const int8_t *input, int8_t *output,
                          void *scratch);
void er_dequantize_s8_ref(const er_dequantize_s8 *p, const int8_t *input, float *output,
                          void *scratch);

void er_add_s8_dsp(const er_add_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);

#endif
