/* SPDX-License-Identifier: Apache-2.0 */
#include "er_gates.h"

/* One filter: its state goes on by one step and is weighted over time. */
static float filter(const er_svdf_f32 *p, float newest, const float *times, const float *state,
                    float *new_state)
{
    float sum = 0.0f;
    for (uint32_t i = 0; i < p->memory; i++) {
        new_state[i] = i + 1 < p->memory ? state[i + 1] : newest;
        sum += times[i] * new_state[i];
    }
    return sum;
}

void er_svdf_f32_ref(const er_svdf_f32 *p, const float *input, const float *features,
                     const float *times, const float *state, float *output, float *new_state,
                     void *scratch)
{
    const uint32_t filters = p->units * p->rank;
    (void)scratch;
    for (uint32_t b = 0; b < p->batch; b++, input += p->inputs) {
        for (uint32_t unit = 0; unit < p->units; unit++) {
            float sum = p->bias ? p->bias[unit] : 0.0f;
            for (uint32_t f = unit * p->rank; f < (unit + 1) * p->rank; f++) {
                const uint32_t start = (b * filters + f) * p->memory;
                const float newest = er_dot_f32(input, features + f * p->inputs, p->inputs);
                sum += filter(p, newest, times + f * p->memory, state + start, new_state + start);
            }
            *output++ = sum < p->act_min ? p->act_min : sum > p->act_max ? p->act_max : sum;
        }
    }
}
