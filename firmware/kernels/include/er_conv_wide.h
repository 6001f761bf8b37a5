/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution of int16 by int8 weights: two pixels by two channels. Who includes this has GROUP, the
 * number of elements that patches and the weights of channels are filled up to with zeros, and
 * add_up: it adds the products of one or two patches by two channels to their sums.
 *
 * Sums of 32 bits hold no more than ER_NARROW products, and are added to those of 64 bits after
 * that.
 */
#ifndef ER_CONV_WIDE_H
#define ER_CONV_WIDE_H

#include "er_patch.h"
#include "er_wide.h"

enum { MOST_GROUPS = ER_NARROW / GROUP };

/* Sums of 1 or 2 patches by two channels. */
ER_ALWAYS_INLINE void add_wide(const int16_t *x, const int8_t *v, const int8_t *w, uint32_t groups,
                               int32_t pixels, int64_t *sums)
{
    const int16_t *y = pixels == 2 ? x + groups * GROUP : x;
    while (groups > 0) {
        const uint32_t part = groups < MOST_GROUPS ? groups : MOST_GROUPS, count = part * GROUP;
        add_up(x, y, v, w, part, pixels, sums);
        x += count;
        y += count;
        v += count;
        w += count;
        groups -= part;
    }
}

/* All channels of 1 or 2 pixels; an odd last channel is computed twice. */
ER_ALWAYS_INLINE void multiply(const er_conv_s16 *p, const int16_t *patches, uint32_t groups,
                               int32_t pixels, int16_t *output)
{
    const int32_t channels = p->window.out_c;
    const uint32_t bytes = groups * GROUP;
    for (int32_t c = 0; c < channels; c += 2) {
        const int32_t other = er_least(c + 1, channels - 1);
        const int64_t b0 = p->bias[c], b1 = p->bias[other];
        int64_t sums[4] = {b0, b1, b0, b1};
        add_wide(patches, p->weights + (uint32_t)c * bytes, p->weights + (uint32_t)other * bytes,
                 groups, pixels, sums);
        for (int32_t i = 0; i < 2 * pixels; i++) {
            const int32_t channel = i % 2 == 0 ? c : other;
            output[i / 2 * channels + channel] =
                er_finish_wide(sums[i], p->wide, p->mantissa[channel], p->shift[channel],
                               p->act_min, p->act_max);
        }
    }
}

ER_NEVER_INLINE void multiply_one(const er_conv_s16 *p, const int16_t *patches, uint32_t groups,
                                  int16_t *output)
{
    multiply(p, patches, groups, 1, output);
}

ER_NEVER_INLINE void multiply_two(const er_conv_s16 *p, const int16_t *patches, uint32_t groups,
                                  int16_t *output)
{
    multiply(p, patches, groups, 2, output);
}

/* `scratch` holds two patches of whole groups. */
static void convolve(const er_conv_s16 *p, const int16_t *input, int16_t *output, void *scratch)
{
    er_window w = p->window;
    const int32_t depth = w.kernel_h * w.kernel_w * w.in_c, pixels = w.out_h * w.out_w;
    const uint32_t groups = (uint32_t)(depth + GROUP - 1) / GROUP;
    int16_t *patches = scratch;
    int32_t row = 0, column = 0;
    w.in_c = (uint16_t)(2 * w.in_c); /* patches are copied by bytes */
    for (int32_t pixel = 0; pixel < pixels; pixel += 2, output += 2 * p->window.out_c) {
        const int32_t count = er_least(pixels - pixel, 2);
        for (int32_t i = 0; i < count; i++) {
            int16_t *patch = patches + (uint32_t)i * groups * GROUP;
            er_patch(&w, (const int8_t *)input, row, column, 0, (int8_t *)patch);
            for (int32_t tail = depth; tail < (int32_t)(groups * GROUP); tail++) {
                patch[tail] = 0;
            }
            if (++column == w.out_w) {
                column = 0;
                row++;
            }
        }
        if (count == 2) {
            multiply_two(p, scratch, groups, output);
        } else {
            multiply_one(p, scratch, groups, output);
        }
    }
}

#endif
