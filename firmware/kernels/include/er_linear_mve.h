/* SPDX-License-Identifier: Apache-2.0
 *
 * Four outputs by VMLADAVA, 16 products at a time. Who includes this has UNIT, the number of
 * vectors of a row that are loaded at once, and add_unit.
 *
 * Vectors of four rows of weights alternate, filled with zeros up to whole units and fours of rows.
 * The input is read where it is if it is made of whole units, else from a copy in `scratch`, where
 * what follows it does not count.
 */
#ifndef ER_LINEAR_MVE_H
#define ER_LINEAR_MVE_H

#include "er_mve.h"

enum { UNIT_BYTES = UNIT * ER_BLOCK, TOGETHER = 4 };

/* The sums of four outputs; returns where the weights of the next four are. */
ER_ALWAYS_INLINE const int8_t *four(const int8_t *input, const int8_t *weights, uint32_t units,
                                    int32_t *to)
{
    int32_t sum[TOGETHER] = {0, 0, 0, 0};
    for (uint32_t i = units; i > 0; i--, weights += TOGETHER * ER_BLOCK, input += UNIT_BYTES) {
        for (int32_t row = 0; row < TOGETHER; row++) {
            sum[row] = add_unit(sum[row], input, weights + row * ER_BLOCK);
        }
    }
    for (int32_t row = 0; row < TOGETHER; row++) {
        to[row] = sum[row];
    }
    return weights;
}

static void multiply(const er_linear_s8 *p, const er_outputs *outputs, uint32_t units,
                     const int8_t *input, int8_t *output)
{
    const int8_t *weights = p->weights;
    const int32_t channels = (int32_t)p->out;
    int32_t sums[ER_CHANNELS];
    for (int32_t at = 0; at < channels; at += ER_CHANNELS) {
        const int32_t count = er_least(channels - at, ER_CHANNELS);
        for (int32_t i = 0; i < count; i += TOGETHER) {
            weights = four(input, weights, units, sums + i);
        }
        if (outputs->each) {
            er_put(outputs, at, count, sums, 1, 1, 0, output + at);
        } else {
            er_put(outputs, at, count, sums, 1, 0, 0, output + at);
        }
    }
}

static void multiply_all(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = (int32_t)p->in;
    const uint32_t units = (p->in + UNIT_BYTES - 1) / UNIT_BYTES;
    const int32_t out = (int32_t)p->out;
    const int32_t factors = p->scale_step == 0 ? er_least(out, TOGETHER) : out;
    const er_outputs outputs = {p->bias, p->mantissa, p->shift, (int32_t)p->scale_step,
                                p->out_zero, p->act_min, p->act_max,
                                er_how_of(p->shift, factors, p->out_zero, p->act_min)};
    for (uint32_t row = 0; row < p->rows; row++, input += p->in, output += p->out) {
        const int8_t *read = input;
        if (depth % UNIT_BYTES != 0) {
            er_vector_run(input, depth, 0, scratch);
            read = scratch;
        }
        multiply(p, &outputs, units, read, output);
    }
}

#endif
