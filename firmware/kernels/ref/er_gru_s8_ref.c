/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dot.h"
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_sigmoid.h"
#include "er_stored.h"

/* A sum as Q3.12. */
static int32_t scaled(const er_gru_s8 *p, uint32_t sum, uint32_t factor)
{
    return er_saturate(er_multiply((int32_t)sum, p->mantissa[factor], p->shift[factor]), 1);
}

/* What a row of weights makes of the input. */
static int32_t given(const er_gru_s8 *p, const int8_t *input, const int8_t *weights, uint32_t row)
{
    const uint32_t inputs = p->sequence.inputs;
    uint32_t sum = (uint32_t)p->bias[row];
    er_dot_1(input, weights + row * inputs, (int32_t)inputs, &sum);
    return scaled(p, sum, row / p->sequence.hidden);
}

/* What a row of recurrent weights makes of a state. */
static int32_t carried(const er_gru_s8 *p, const int16_t *state, const int8_t *recurrent,
                       uint32_t row)
{
    const uint32_t size = p->sequence.hidden;
    const int8_t *weights = recurrent + row * size;
    uint32_t sum = (uint32_t)p->bias[3 * size + row];
    for (uint32_t i = 0; i < size; i++) {
        sum += (uint32_t)(state[i] * weights[i]);
    }
    return scaled(p, sum, 3 + row / size);
}

/* A product with Q0.15, rounded. */
static int32_t part(int32_t fraction, int32_t value)
{
    return (fraction * value + (1 << 14)) >> 15;
}

/* One step, gates in ONNX's order: update, reset, hidden. `gates` has room for 4 * hidden. */
static void step(const er_gru_s8 *p, const int8_t *input, const int8_t *weights,
                 const int8_t *recurrent, int16_t *hidden, int16_t *gates)
{
    const uint32_t size = p->sequence.hidden;
    int16_t *reset = gates + size, *fresh = gates + 2 * size, *kept = gates + 3 * size;
    for (uint32_t i = 0; i < 2 * size; i++) {
        const int32_t sum = given(p, input, weights, i) + carried(p, hidden, recurrent, i);
        gates[i] = (int16_t)er_sigmoid16(3 * er_saturate(sum, 1));
    }
    for (uint32_t i = 0; i < size; i++) {
        kept[i] = (int16_t)(p->linear_before_reset ? hidden[i] : part(reset[i], hidden[i]));
    }
    for (uint32_t i = 0; i < size; i++) {
        int32_t sum = carried(p, kept, recurrent, 2 * size + i);
        if (p->linear_before_reset) {
            sum = part(reset[i], sum);
        }
        sum += given(p, input, weights, 2 * size + i);
        fresh[i] = (int16_t)er_tanh16(3 * er_saturate(sum, 1));
    }
    for (uint32_t i = 0; i < size; i++) {
        const int32_t made = fresh[i] + part(gates[i], hidden[i] - fresh[i]);
        hidden[i] = (int16_t)er_saturate(made, 1);
    }
}

void er_gru_s8_ref(const er_gru_s8 *p, const int8_t *input, const int8_t *weights,
                   const int8_t *recurrent, const int16_t *first_hidden, int8_t *output,
                   int16_t *hidden, void *scratch)
{
    const er_sequence *s = &p->sequence;
    const uint32_t size = s->hidden;
    for (uint32_t i = 0; i < s->batch * size; i++) {
        hidden[i] = first_hidden[i];
    }
    for (uint32_t b = 0; b < s->batch; b++) {
        int16_t *state = hidden + b * s->state_batch;
        for (uint32_t t = 0; t < s->steps; t++) {
            int8_t *made = output + t * s->out_step + b * s->out_batch;
            step(p, input + t * s->in_step + b * s->in_batch, weights, recurrent, state, scratch);
            for (uint32_t i = 0; i < size; i++) {
                const int32_t value = er_multiply(state[i], p->output.mantissa, p->output.shift);
                made[i] = (int8_t)er_offset_and_saturate(value, p->out_zero, 0);
            }
        }
    }
}
