/* SPDX-License-Identifier: Apache-2.0 */
#include "er_gates.h"

void er_rnn_f32_ref(const er_rnn_f32 *p, const float *input, const float *weights,
                    const float *recurrent, const float *bias, const float *first_hidden,
                    float *output, float *hidden, void *scratch)
{
    const er_sequence *s = &p->sequence;
    const uint32_t size = s->hidden;
    float *sums = scratch;
    er_copy_f32(first_hidden, hidden, s->directions * s->batch * size);
    for (uint32_t d = 0; d < s->directions; d++) {
        const float *biases = bias + d * 2 * size;
        for (uint32_t b = 0; b < s->batch; b++) {
            float *state = hidden + d * s->state_direction + b * s->state_batch;
            for (uint32_t done = 0; done < s->steps; done++) {
                const uint32_t t = er_step(s, d, done);
                er_gates(s, input + t * s->in_step + b * s->in_batch,
                         weights + d * size * s->inputs, state, recurrent + d * size * size, size,
                         sums);
                for (uint32_t i = 0; i < size; i++) {
                    const float sum = sums[i] + biases[i] + biases[size + i];
                    state[i] = !p->relu ? er_tanh(sum) : sum > 0.0f ? sum : 0.0f;
                }
                er_copy_f32(state,
                            output + t * s->out_step + b * s->out_batch + d * s->out_direction,
                            size);
            }
        }
    }
}
