/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions over axes, running sums, and what normalizes rows.
 */
#ifndef ER_REDUCE_H
#define ER_REDUCE_H

#include "er_types.h"

/* Which elements each output is made of: the input seen as three axes that are kept, in the order
 * of the output, and three that are reduced, in the order of the input; steps are in elements. */
typedef struct {
    uint32_t outputs;
    uint32_t kept[3], kept_step[3];
    uint32_t reduced[3], reduced_step[3];
} er_reduction;

/* Sums of `count` terms, each less `in_zero`, times a factor: sum and mean. */
typedef struct {
    er_reduction axes;
    int16_t in_zero, out_zero;
    int32_t count;
    er_multiplier factor;
} er_mean;

/* Sums over a divisor. */
typedef struct {
    er_reduction axes;
    float divisor;
} er_mean_f32;

/* Maximum, or minimum where `smallest` is not 0. */
typedef struct {
    er_reduction axes;
    int32_t smallest;
} er_extreme;

/* Products, each scaled by mantissa * 2^-shift; the mantissa has 15 bits. */
typedef struct {
    er_reduction axes;
    int16_t in_zero, out_zero;
    int32_t mantissa, shift;
} er_reduce_prod;

typedef struct {
    er_reduction axes;
} er_reduce_prod_f32;

/* Where along the middle one of three axes the maximum is, or the minimum where `smallest` is not
 * 0: the first one, or the last where `last` is not 0. An index takes `words` of 32 bits. */
typedef struct {
    uint32_t outer, depth, inner;
    int32_t smallest, last;
    uint32_t words;
} er_position;

/* Running sums along the middle one of three axes. */
typedef struct {
    uint32_t outer, depth, inner;
    int32_t exclusive, reverse;
    int16_t in_zero, out_zero;
    er_multiplier factor;
} er_cumulate_s8;

typedef struct {
    uint32_t outer, depth, inner;
    int32_t exclusive, reverse;
} er_cumulate_f32;

/* Softmax over the last axis. */
typedef struct {
    uint32_t rows, depth;
    er_multiplier factor;
    int32_t smallest;
} er_softmax_s8;

/* `exponential` holds exp on [-10, 0] and `reciprocal` 1 / (1 + x) on [0, 1], 513 samples each. */
typedef struct {
    uint32_t rows, depth;
    er_multiplier factor;
    const int16_t *exponential;
    const int16_t *reciprocal;
} er_softmax_s16;

typedef struct {
    uint32_t rows, depth;
    float beta;
} er_softmax_f32;

/* The same, with the factor back from Q5.26 to differences of the input. */
typedef struct {
    uint32_t rows, depth;
    er_multiplier factor;
    int32_t smallest;
    er_multiplier reverse;
} er_log_softmax_s8;

typedef struct {
    uint32_t rows, depth;
    int32_t zero;
} er_l2_norm_s8;

/* Rows of floats. */
typedef struct {
    uint32_t rows, depth;
} er_rows_f32;

void er_mean_s8_ref(const er_mean *p, const int8_t *input, int8_t *output, void *scratch);
void er_mean_s16_ref(const er_mean *p, const int16_t *input, int16_t *output, void *scratch);
void er_mean_f32_ref(const er_mean_f32 *p, const float *input, float *output, void *scratch);
void er_extreme_s8_ref(const er_extreme *p, const int8_t *input, int8_t *output, void *scratch);
void er_extreme_s16_ref(const er_extreme *p, const int16_t *input, int16_t *output,
                        void *scratch);
void er_extreme_f32_ref(const er_extreme *p, const float *input, float *output, void *scratch);
void er_extreme_b8_ref(const er_extreme *p, const uint8_t *input, uint8_t *output, void *scratch);
void er_reduce_prod_s8_ref(const er_reduce_prod *p, const int8_t *input, int8_t *output, void *scratch);
void er_reduce_prod_s16_ref(const er_reduce_prod *p, const int16_t *input, int16_t *output,
                        void *scratch);
void er_reduce_prod_f32_ref(const er_reduce_prod_f32 *p, const float *input, float *output,
                        void *scratch);
void er_position_s8_ref(const er_position *p, const int8_t *input, void *output, void *scratch);
void er_position_s16_ref(const er_position *p, const int16_t *input, void *output,
                         void *scratch);
void er_position_f32_ref(const er_position *p, const float *input, void *output, void *scratch);
void er_cumulate_s8_ref(const er_cumulate_s8 *p, const int8_t *input, int8_t *output,
                        void *scratch);
void er_cumulate_f32_ref(const er_cumulate_f32 *p, const float *input, float *output,
                         void *scratch);
void er_softmax_s8_ref(const er_softmax_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_softmax_s8s16_ref(const er_softmax_s8 *p, const int8_t *input, int16_t *output,
                          void *scratch);
void er_softmax_s16_ref(const er_softmax_s16 *p, const int16_t *input, int16_t *output,
                        void *scratch);
void er_softmax_f32_ref(const er_softmax_f32 *p, const float *input, float *output,
                        void *scratch);
void er_log_softmax_s8_ref(const er_log_softmax_s8 *p, const int8_t *input, int8_t *output,
                           void *scratch);
void er_log_softmax_f32_ref(const er_rows_f32 *p, const float *input, float *output,
                            void *scratch);
void er_l2_norm_s8_ref(const er_l2_norm_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_l2_norm_f32_ref(const er_rows_f32 *p, const float *input, float *output, void *scratch);

#endif
