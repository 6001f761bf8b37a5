/* SPDX-License-Identifier: Apache-2.0
 *
 * Four outputs by VMLADAVA, 16 products at a time. Vectors of four rows of weights alternate, filled
 * with zeros up to whole vectors and fours of rows. The input is read where it is if it is made of
 * whole vectors, else from a copy in `scratch`.
 */
#include "er_kernels.h"
#include "er_mve.h"

enum { TOGETHER = 4 };

ER_ALWAYS_INLINE const int8_t *four(const int8_t *input, const int8_t *weights, uint32_t blocks,
                                    int32_t *to)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    for (uint32_t i = blocks; i > 0; i--, weights += TOGETHER * ER_BLOCK) {
        const int8x16_t x = vldrbq_s8(input);
        input += ER_BLOCK;
        a = vmladavaq_s8(a, x, vldrbq_s8(weights));
        b = vmladavaq_s8(b, x, vldrbq_s8(weights + ER_BLOCK));
        c = vmladavaq_s8(c, x, vldrbq_s8(weights + 2 * ER_BLOCK));
        d = vmladavaq_s8(d, x, vldrbq_s8(weights + 3 * ER_BLOCK));
    }
    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
    return weights;
}

static void multiply(const er_linear_s8 *p, const er_outputs *outputs, uint32_t blocks,
                     const int8_t *input, int8_t *output)
{
    const int8_t *weights = p->weights;
    const int32_t channels = (int32_t)p->out;
    int32_t sums[ER_CHANNELS];
    for (int32_t at = 0; at < channels; at += ER_CHANNELS) {
        const int32_t count = er_least(channels - at, ER_CHANNELS);
        for (int32_t i = 0; i < count; i += TOGETHER) {
            weights = four(input, weights, blocks, sums + i);
        }
        if (outputs->each) {
            er_put(outputs, at, count, sums, 1, 1, 0, output + at);
        } else {
            er_put(outputs, at, count, sums, 1, 0, 0, output + at);
        }
    }
}

void er_linear_s8_mve(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t depth = (int32_t)p->in;
    const uint32_t blocks = (p->in + ER_BLOCK - 1) / ER_BLOCK;
    const int32_t factors = (int32_t)(p->scale_step == 0 ? er_least((int32_t)p->out, TOGETHER) : (int32_t)p->out);
    const er_outputs outputs = {p->bias, p->mantissa, p->shift, (int32_t)p->scale_step,
                                p->out_zero, p->act_min, p->act_max,
                                er_how_of(p->shift, factors, p->out_zero, p->act_min)};
    for (uint32_t row = 0; row < p->rows; row++, input += p->in, output += p->out) {
        const int8_t *read = input;
        if (depth % ER_BLOCK != 0) {
            er_vector_run(input, depth, 0, scratch);
            read = scratch;
        }
        multiply(p, &outputs, blocks, read, output);
    }
}
