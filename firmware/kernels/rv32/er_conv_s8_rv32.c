/* SPDX-License-Identifier: Apache-2.0
 *
 * Four channels of two pixels at a time. The input's zero point is folded into the bias, so what
 * lies outside the image reads as the zero point. The patches of both pixels are copied to
 * `scratch` first; after that their input may be overwritten.
 */
#include <stddef.h>

#include "er_four.h"
#include "er_kernels.h"
#include "er_patch.h"
#include "er_rv32.h"

/* Adds the products of the four channels with `a` to the first four sums, modulo 2^32, and with `b`
 * to the others. */
ER_NEVER_INLINE void multiply_two(const int8_t *weights, const int8_t *a, const int8_t *b,
                                  int32_t depth, uint32_t sums[2][ER_CHANNELS])
{
    uint32_t kept[2][ER_CHANNELS];
    __builtin_memcpy(kept, sums, sizeof kept);
#define STEP(i)                                                                                    \
    er_add_products(weights + (i) * ER_CHANNELS, a[i], kept[0]);                                   \
    er_add_products(weights + (i) * ER_CHANNELS, b[i], kept[1]);                                   \
    ER_DONE(kept[0]);                                                                              \
    ER_DONE(kept[1]);
    for (; depth >= 4; depth -= 4, a += 4, b += 4, weights += 4 * ER_CHANNELS) {
        STEP(0) STEP(1) STEP(2) STEP(3)
    }
    ER_ROLLED_ALWAYS
    for (; depth > 0; depth--, a++, b++, weights += ER_CHANNELS) {
        STEP(0)
    }
#undef STEP
    __builtin_memcpy(sums, kept, sizeof kept);
}

/* All channels of one pixel, or of two where there is a second one. */
static void multiply(const er_conv_s8 *p, const int8_t *first, const int8_t *second, int32_t depth,
                     int8_t *output)
{
    const er_bounds bounds = {2 * p->out_zero + 1, p->act_min, p->act_max};
    const int32_t out_c = p->window.out_c;
    const int8_t *weights = p->weights;
    for (int32_t channel = 0; channel < out_c;
         channel += ER_CHANNELS, weights += ER_CHANNELS * depth) {
        const int32_t count = er_least(ER_CHANNELS, out_c - channel);
        uint32_t sums[2][ER_CHANNELS] = {{0}};
        for (int32_t i = 0; i < count; i++) {
            sums[0][i] = sums[1][i] = (uint32_t)p->bias[channel + i];
        }
        if (second == NULL) {
            er_multiply_one(weights, first, depth, sums[0]);
        } else {
            multiply_two(weights, first, second, depth, sums);
        }
        for (int32_t i = 0; i < count; i++, output++) {
            const er_factor factor =
                er_factor_of(p->mantissa[channel + i], p->shift[channel + i]);
            *output = er_scale((int32_t)sums[0][i], factor, bounds);
            if (second != NULL) {
                output[out_c] = er_scale((int32_t)sums[1][i], factor, bounds);
            }
        }
    }
}

void er_conv_s8_rv32(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    int8_t *const first = scratch, *const second = first + depth;
    int waits = 0; /* the patch of a first pixel */
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            er_patch(w, input, row, column, p->in_zero, waits ? second : first);
            if (waits) {
                multiply(p, first, second, depth, output);
                output += 2 * w->out_c;
            }
            waits = !waits;
        }
    }
    if (waits) {
        multiply(p, first, NULL, depth, output);
    }
}
