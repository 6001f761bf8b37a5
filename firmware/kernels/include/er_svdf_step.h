/* SPDX-License-Identifier: Apache-2.0
 *
 * One filter of an SVDF in integers: its state goes on by one step and is weighted over time.
 */
#ifndef ER_SVDF_STEP_H
#define ER_SVDF_STEP_H

#include "er_fixed.h"
#include "er_kernels.h"
#include "er_stored.h"

/* What the state stores for the input. */
static inline int32_t er_svdf_newest(const er_svdf *p, const int8_t *input, const int8_t *features)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < p->inputs; i++) {
        sum += (uint32_t)((input[i] - p->in_zero) * features[i]);
    }
    return er_multiply((int32_t)sum, p->feature.mantissa, p->feature.shift);
}

ER_ALWAYS_INLINE void er_svdf_ints(const er_svdf *p, const int8_t *input, const int8_t *features,
                                   const void *times, const void *state, int8_t *output,
                                   void *new_state, int wide)
{
    const uint32_t filters = p->units * p->rank;
    for (uint32_t b = 0; b < p->batch; b++, input += p->inputs) {
        for (uint32_t unit = 0; unit < p->units; unit++) {
            uint32_t sum = p->bias ? (uint32_t)p->bias[unit] : 0;
            for (uint32_t f = unit * p->rank; f < (unit + 1) * p->rank; f++) {
                const uint32_t start = (b * filters + f) * p->memory;
                const int32_t newest = er_svdf_newest(p, input, features + f * p->inputs);
                for (uint32_t i = 0; i < p->memory; i++) {
                    const int32_t kept =
                        i + 1 < p->memory ? er_load(state, start + i + 1, wide)
                                          : er_offset_and_saturate(newest, p->state_zero, wide);
                    const int32_t weight = er_load(times, f * p->memory + i, wide);
                    er_store(new_state, start + i, kept, wide);
                    sum += (uint32_t)weight * (uint32_t)(kept - p->state_zero);
                }
            }
            const int32_t scaled = er_multiply((int32_t)sum, p->time.mantissa, p->time.shift);
            *output++ = er_offset_and_clamp(scaled, p->out_zero, INT8_MIN, INT8_MAX);
        }
    }
}

#endif
