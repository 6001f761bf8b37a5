/* SPDX-License-Identifier: Apache-2.0 */
#include "er_gates.h"

typedef struct {
    const float *weights, *recurrent, *bias;
} part;

/* One step of one sequence, gates in ONNX's order: update, reset, hidden. `gates` has room for
 * 3 * hidden. */
static void step(const er_gru_f32 *p, const part *part, const float *input, float *hidden,
                 float *gates)
{
    const uint32_t size = p->sequence.hidden, inputs = p->sequence.inputs;
    const float *bias = part->bias;
    float *reset = gates + size, *fresh = gates + 2 * size;
    er_gates(&p->sequence, input, part->weights, hidden, part->recurrent, 2 * size, gates);
    for (uint32_t i = 0; i < 2 * size; i++) {
        gates[i] = er_logistic(gates[i] + bias[i] + bias[3 * size + i]);
    }
    if (!p->linear_before_reset) {
        for (uint32_t i = 0; i < size; i++) {
            reset[i] *= hidden[i];
        }
    }
    for (uint32_t i = 0; i < size; i++) {
        const uint32_t row = 2 * size + i;
        const float *from = p->linear_before_reset ? hidden : reset;
        float carried = er_dot_f32(from, part->recurrent + row * size, size) + bias[5 * size + i];
        if (p->linear_before_reset) {
            carried *= reset[i];
        }
        const float given = er_dot_f32(input, part->weights + row * inputs, inputs) + bias[row];
        fresh[i] = er_tanh(given + carried);
    }
    for (uint32_t i = 0; i < size; i++) {
        hidden[i] = (1.0f - gates[i]) * fresh[i] + gates[i] * hidden[i];
    }
}

void er_gru_f32_ref(const er_gru_f32 *p, const float *input, const float *weights,
                    const float *recurrent, const float *bias, const float *first_hidden,
                    float *output, float *hidden, void *scratch)
{
    const er_sequence *s = &p->sequence;
    const uint32_t size = s->hidden;
    er_copy_f32(first_hidden, hidden, s->directions * s->batch * size);
    for (uint32_t d = 0; d < s->directions; d++) {
        const part part = {weights + d * 3 * size * s->inputs, recurrent + d * 3 * size * size,
                           bias + d * 6 * size};
        for (uint32_t b = 0; b < s->batch; b++) {
            float *state = hidden + d * s->state_direction + b * s->state_batch;
            for (uint32_t done = 0; done < s->steps; done++) {
                const uint32_t t = er_step(s, d, done);
                step(p, &part, input + t * s->in_step + b * s->in_batch, state, scratch);
                er_copy_f32(state,
                            output + t * s->out_step + b * s->out_batch + d * s->out_direction,
                            size);
            }
        }
    }
}
