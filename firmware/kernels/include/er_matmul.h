/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of matrices that are both made at run time.
 */
#ifndef ER_MATMUL_H
#define ER_MATMUL_H

#include "er_types.h"

/* For each of batch[0] * batch[1] pairs of matrices, output[rows][out] = a[rows][depth] *
 * b[depth][out]. All steps are in elements; a batch step of 0 repeats an operand. */
typedef struct {
    uint32_t batch[2];
    uint32_t batch_a[2], batch_b[2];
    uint32_t rows, depth, out;
    uint32_t a_row, a_depth;
    uint32_t b_column, b_depth;
} er_matrices;

/* Bias, mantissa and shift stand `each` elements apart for each column: 0 where all share one. */
typedef struct {
    er_matrices matrices;
    int16_t zero_a, zero_b, out_zero;
    int16_t act_min, act_max;
    uint32_t each;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_matmul_s8;

/* Zero points are 0; an output is round(sum * mantissa / 2^shift), with a sum of 64 bits. */
typedef struct {
    er_matrices matrices;
    int32_t mantissa, shift;
} er_matmul_s16;

typedef struct {
    er_matrices matrices;
    float act_min, act_max;
    uint32_t each;
    const float *bias;
} er_matmul_f32;

void er_matmul_s8_ref(const er_matmul_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                      void *scratch);
void er_matmul_s16_ref(const er_matmul_s16 *p, const int16_t *a, const int16_t *b, int16_t *output,
                       void *scratch);
void er_matmul_f32_ref(const er_matmul_f32 *p, const float *a, const float *b, float *output,
                       void *scratch);

#endif
