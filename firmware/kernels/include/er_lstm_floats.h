/* SPDX-License-Identifier: Apache-2.0
 *
 * The LSTM in single precision, with and without peepholes. Gates are in ONNX's order: input,
 * output, forget, cell.
 */
#ifndef ER_LSTM_FLOATS_H
#define ER_LSTM_FLOATS_H

#include "er_gates.h"

typedef struct {
    const float *weights, *recurrent, *bias, *peepholes;
} er_lstm_part;

/* One step of one sequence; `gates` has room for 4 * hidden. */
static inline void er_lstm_step(const er_lstm_f32 *p, const er_lstm_part *part,
                                const float *input, float *hidden, float *cell, float *gates)
{
    const uint32_t size = p->sequence.hidden;
    const float *bias = part->bias, *peepholes = part->peepholes;
    er_gates(&p->sequence, input, part->weights, hidden, part->recurrent, 4 * size, gates);
    for (uint32_t i = 0; i < 4 * size; i++) {
        gates[i] += bias[i] + bias[4 * size + i];
    }
    for (uint32_t i = 0; i < size; i++) {
        float into = gates[i], out = gates[size + i], forget = gates[2 * size + i];
        if (peepholes) {
            into += peepholes[i] * cell[i];
            forget += peepholes[2 * size + i] * cell[i];
        }
        float value = er_logistic(forget) * cell[i];
        value += er_logistic(into) * er_tanh(gates[3 * size + i]);
        if (p->cell_clip > 0.0f) {
            value = value > p->cell_clip    ? p->cell_clip
                    : value < -p->cell_clip ? -p->cell_clip
                                            : value;
        }
        if (peepholes) {
            out += peepholes[size + i] * value;
        }
        cell[i] = value;
        hidden[i] = er_logistic(out) * er_tanh(value);
    }
}

/* All sequences in all directions. The states may be where the first ones are. */
static inline void er_lstm_floats(const er_lstm_f32 *p, const float *input,
                                  const er_lstm_part *all, const float *first_hidden,
                                  const float *first_cell, float *output, float *hidden,
                                  float *cell, float *gates)
{
    const er_sequence *s = &p->sequence;
    const uint32_t size = s->hidden;
    er_copy_f32(first_hidden, hidden, s->directions * s->batch * size);
    er_copy_f32(first_cell, cell, s->directions * s->batch * size);
    for (uint32_t d = 0; d < s->directions; d++) {
        const er_lstm_part part = {
            all->weights + d * 4 * size * s->inputs,
            all->recurrent + d * 4 * size * size,
            all->bias + d * 8 * size,
            all->peepholes ? all->peepholes + d * 3 * size : NULL,
        };
        for (uint32_t b = 0; b < s->batch; b++) {
            const uint32_t state = d * s->state_direction + b * s->state_batch;
            for (uint32_t done = 0; done < s->steps; done++) {
                const uint32_t t = er_step(s, d, done);
                er_lstm_step(p, &part, input + t * s->in_step + b * s->in_batch, hidden + state,
                             cell + state, gates);
                er_copy_f32(hidden + state,
                            output + t * s->out_step + b * s->out_batch + d * s->out_direction,
                            size);
            }
        }
    }
}

#endif
