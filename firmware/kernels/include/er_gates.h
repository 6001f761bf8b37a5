/* SPDX-License-Identifier: Apache-2.0
 *
 * What recurrent layers in single precision share: places in a sequence, and sums for gates.
 */
#ifndef ER_GATES_H
#define ER_GATES_H

#include "er_attributes.h"
#include "er_kernels.h"
#include "er_math.h"

/* Which step comes after `done` others in a direction. */
static inline uint32_t er_step(const er_sequence *s, uint32_t direction, uint32_t done)
{
    return s->backward >> direction & 1 ? s->steps - 1 - done : done;
}

static inline float er_dot_f32(const float *a, const float *b, uint32_t count)
{
    float sum = 0.0f;
    ER_ROLLED
    for (uint32_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* What `rows` rows of weights make of the input and the state, without their biases. */
static inline void er_gates(const er_sequence *s, const float *input, const float *weights,
                            const float *hidden, const float *recurrent, uint32_t rows,
                            float *gates)
{
    for (uint32_t i = 0; i < rows; i++) {
        gates[i] = er_dot_f32(input, weights + i * s->inputs, s->inputs) +
                   er_dot_f32(hidden, recurrent + i * s->hidden, s->hidden);
    }
}

static inline void er_copy_f32(const float *from, float *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = from[i];
    }
}

#endif
