/* SPDX-License-Identifier: Apache-2.0
 *
 * The fully connected layer in single precision, for every kind of weights.
 */
#ifndef ER_LINEAR_FLOATS_H
#define ER_LINEAR_FLOATS_H

#include "er_floats.h"
#include "er_kernels.h"

ER_ALWAYS_INLINE void er_linear_floats(const er_linear_f32 *p, const float *input, float *output,
                                       er_kind kind)
{
    const er_channels_f32 channels = {p->act_min, p->act_max, p->weights, p->scale, p->bias};
    const int32_t depth = (int32_t)p->in, out = (int32_t)p->out;
    int32_t rows = (int32_t)p->rows;
    for (; rows > 1; rows -= 2, input += 2 * depth, output += 2 * out) {
        er_multiply_f32(&channels, 0, out, input, 2, depth, output, out, kind);
    }
    if (rows == 1) {
        er_multiply_f32(&channels, 0, out, input, 1, depth, output, out, kind);
    }
}

#endif
