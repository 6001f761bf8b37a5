/* SPDX-License-Identifier: Apache-2.0
 *
 * What keeps a state along a sequence.
 */
#ifndef ER_RECURRENT_H
#define ER_RECURRENT_H

#include "er_types.h"

/* A sequence in one or two directions. Steps are in elements: of the input and output to the next
 * step and sequence of the batch, of the output and states to the next direction, of the states to
 * the next sequence. Bit d of `backward` is set where direction d starts at the end. */
typedef struct {
    uint32_t steps, batch, inputs, hidden, directions;
    uint32_t in_step, in_batch;
    uint32_t out_step, out_batch, out_direction;
    uint32_t state_batch, state_direction;
    uint32_t backward;
} er_sequence;

/* `cell_clip` is 0 where the cell is not clipped. */
typedef struct {
    er_sequence sequence;
    float cell_clip;
} er_lstm_f32;

typedef struct {
    er_sequence sequence;
    int32_t linear_before_reset;
} er_gru_f32;

typedef struct {
    er_sequence sequence;
    int32_t relu;
} er_rnn_f32;

/* `bias` holds 4 * hidden values for the input, then as many for the state: both take in what the
 * zero points add. `mantissa` and `shift` hold 4 for the input, then 4 for the state. The cell is
 * scaled by 2^cell_power. */
typedef struct {
    er_sequence sequence;
    er_multiplier forget, update, output;
    int32_t out_zero;
    int32_t cell_power, cell_clip;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_lstm_s8;

/* Mantissas have 15 bits; shifts go right. */
typedef struct {
    er_sequence sequence;
    er_multiplier forget, update, output;
    int32_t out_zero;
    int32_t cell_power, cell_clip;
    const int64_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_lstm_s16;

/* As er_lstm_s8, with 3 gates; the state is in units of 2^-15. */
typedef struct {
    er_sequence sequence;
    er_multiplier output;
    int32_t out_zero, linear_before_reset;
    const int32_t *bias;
    const int32_t *mantissa;
    const int8_t *shift;
} er_gru_s8;

/* `bias` may be NULL. */
typedef struct {
    uint32_t batch, inputs, units, rank, memory;
    int32_t in_zero, state_zero, out_zero;
    er_multiplier feature, time;
    const int32_t *bias;
} er_svdf;

typedef struct {
    uint32_t batch, inputs, units, rank, memory;
    float act_min, act_max;
    const float *bias;
} er_svdf_f32;

void er_lstm_f32_ref(const er_lstm_f32 *p, const float *input, const float *weights,
                     const float *recurrent, const float *bias, const float *first_hidden,
                     const float *first_cell, float *output, float *hidden, float *cell,
                     void *scratch);
void er_lstm_peephole_f32_ref(const er_lstm_f32 *p, const float *input, const float *weights,
                              const float *recurrent, const float *bias,
                              const float *first_hidden, const float *first_cell,
                              const float *peepholes, float *output, float *hidden, float *cell,
                              void *scratch);
void er_lstm_s8_ref(const er_lstm_s8 *p, const int8_t *input, const int8_t *weights,
                    const int8_t *recurrent, const int8_t *first_hidden,
                    const int16_t *first_cell, int8_t *output, int8_t *hidden, int16_t *cell,
                    void *scratch);
void er_lstm_s16_ref(const er_lstm_s16 *p, const int16_t *input, const int8_t *weights,
                     const int8_t *recurrent, const int16_t *first_hidden,
                     const int16_t *first_cell, int16_t *output, int16_t *hidden, int16_t *cell,
                     void *scratch);
void er_gru_f32_ref(const er_gru_f32 *p, const float *input, const float *weights,
                    const float *recurrent, const float *bias, const float *first_hidden,
                    float *output, float *hidden, void *scratch);
void er_gru_s8_ref(const er_gru_s8 *p, const int8_t *input, const int8_t *weights,
                   const int8_t *recurrent, const int16_t *first_hidden, int8_t *output,
                   int16_t *hidden, void *scratch);
void er_rnn_f32_ref(const er_rnn_f32 *p, const float *input, const float *weights,
                    const float *recurrent, const float *bias, const float *first_hidden,
                    float *output, float *hidden, void *scratch);
void er_svdf_s8_ref(const er_svdf *p, const int8_t *input, const int8_t *features,
                    const int8_t *times, const int8_t *state, int8_t *output, int8_t *new_state,
                    void *scratch);
void er_svdf_s8s16_ref(const er_svdf *p, const int8_t *input, const int8_t *features,
                       const int16_t *times, const int16_t *state, int8_t *output,
                       int16_t *new_state, void *scratch);
void er_svdf_f32_ref(const er_svdf_f32 *p, const float *input, const float *features,
                     const float *times, const float *state, float *output, float *new_state,
                     void *scratch);

#endif
