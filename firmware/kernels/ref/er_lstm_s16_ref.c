/* SPDX-License-Identifier: Apache-2.0 */
#include "er_cell.h"
#include "er_wide.h"

/* What a row of weights makes of a vector, as int16. */
static int32_t gate(const er_lstm_s16 *p, const int16_t *values, const int8_t *row,
                    uint32_t count, uint32_t bias, uint32_t factor)
{
    const int64_t sum = p->bias[bias] + er_dot_wide(values, row, (int32_t)count);
    return er_saturate(er_multiply_wide(sum, p->mantissa[factor], p->shift[factor]), 1);
}

/* One step; the output is where the state goes. `gates` has room for 4 * hidden. */
static void step(const er_lstm_s16 *p, const int16_t *input, const int8_t *weights,
                 const int8_t *recurrent, int16_t *hidden, int16_t *cell, int16_t *gates)
{
    const uint32_t size = p->sequence.hidden, inputs = p->sequence.inputs;
    const er_cell constants = {p->forget, p->update, p->output, p->cell_power, p->cell_clip};
    for (uint32_t i = 0; i < 4 * size; i++) {
        const uint32_t number = i / size;
        const int32_t given = gate(p, input, weights + i * inputs, inputs, i, number);
        const int32_t carried =
            gate(p, hidden, recurrent + i * size, size, 4 * size + i, 4 + number);
        gates[i] = (int16_t)er_saturate(given + carried, 1);
    }
    for (uint32_t i = 0; i < size; i++) {
        const int32_t value = er_cell_step(&constants, gates + i, size, cell + i);
        hidden[i] = (int16_t)er_offset_and_saturate(value, p->out_zero, 1);
    }
}

void er_lstm_s16_ref(const er_lstm_s16 *p, const int16_t *input, const int8_t *weights,
                     const int8_t *recurrent, const int16_t *first_hidden,
                     const int16_t *first_cell, int16_t *output, int16_t *hidden, int16_t *cell,
                     void *scratch)
{
    const er_sequence *s = &p->sequence;
    const uint32_t size = s->hidden;
    for (uint32_t i = 0; i < s->batch * size; i++) {
        hidden[i] = first_hidden[i];
        cell[i] = first_cell[i];
    }
    for (uint32_t b = 0; b < s->batch; b++) {
        const uint32_t state = b * s->state_batch;
        for (uint32_t t = 0; t < s->steps; t++) {
            int16_t *made = output + t * s->out_step + b * s->out_batch;
            step(p, input + t * s->in_step + b * s->in_batch, weights, recurrent, hidden + state,
                 cell + state, scratch);
            for (uint32_t i = 0; i < size; i++) {
                made[i] = hidden[state + i];
            }
        }
    }
}
