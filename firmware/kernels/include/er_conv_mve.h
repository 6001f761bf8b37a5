/* SPDX-License-Identifier: Apache-2.0
 *
 * Two channels by three pixels by VMLADAVA, 16 products at a time. Who includes this has UNIT, the
 * number of vectors of each of two channels that are loaded at once, and load_unit.
 *
 * The patch of an output is a run of units of a strip (er_strip_mve.h). Weights have the order of
 * the strip, (column, row, element), filled with zeros up to whole units: what lies behind a patch
 * does not count. Vectors of two channels alternate; a last odd channel stands beside zeros.
 *
 * A convolution of single pixels side by side is one of one long row, and reads its input where it
 * is if that is made of whole units and is not written over.
 */
#ifndef ER_CONV_MVE_H
#define ER_CONV_MVE_H

#include "er_mve.h"
#include "er_strip_mve.h"

enum { UNIT_BYTES = UNIT * ER_BLOCK, PIXELS_BYTES = 256 };

typedef struct {
    er_outputs outputs;
    const int8_t *weights;
    int32_t channels, units;
    int32_t pitch; /* from one pixel to the next in the strip */
} layer;

/* Adds the products of a unit of one pixel to the sums of two channels; goes on behind it. */
ER_ALWAYS_INLINE void add_unit(const unit *weights, const int8_t **patch, int32_t *sum)
{
    for (int32_t i = 0; i < UNIT; i++, *patch += ER_BLOCK) {
        const int8x16_t x = vldrbq_s8(*patch);
        sum[0] = vmladavaq_s8(sum[0], x, weights->first[i]);
        sum[1] = vmladavaq_s8(sum[1], x, weights->second[i]);
    }
}

/* The sums of two channels; returns where the weights of the next two are. `unrolled`, a constant,
 * divides the number of units. */
ER_ALWAYS_INLINE const int8_t *two(const int8_t *patch, const int8_t *weights, int32_t pitch,
                                   int32_t units, int32_t unrolled, int32_t pixels, int32_t *to)
{
    const int8_t *second = patch + pitch, *third = second + pitch;
    int32_t sum[ER_PIXELS][2] = {{0, 0}, {0, 0}, {0, 0}};
    for (int32_t left = units; left > 0; left -= unrolled) {
        for (int32_t i = 0; i < unrolled; i++, weights += 2 * ER_BLOCK) {
            const unit loaded = load_unit(weights);
            add_unit(&loaded, &patch, sum[0]);
            if (pixels > 1) {
                add_unit(&loaded, &second, sum[1]);
            }
            if (pixels > 2) {
                add_unit(&loaded, &third, sum[2]);
            }
        }
    }
    for (int32_t i = 0; i < pixels; i++) {
        to[i * ER_CHANNELS] = sum[i][0];
        to[i * ER_CHANNELS + 1] = sum[i][1];
    }
    return weights;
}

ER_ALWAYS_INLINE void pairs(const int8_t *patch, const int8_t *weights, int32_t pitch,
                            int32_t units, int32_t unrolled, int32_t pixels, int32_t count,
                            int32_t *to)
{
    for (; count > 0; count--, to += 2) {
        weights = two(patch, weights, pitch, units, unrolled, pixels, to);
    }
}

/* Most layers have few units: loops for their number need no counting and no clearing of sums.
 * Kernels of 3 x 3 taps and whole vectors of channels have a multiple of three. */
ER_ALWAYS_INLINE void all_pairs(const layer *l, const int8_t *patch, const int8_t *weights,
                                int32_t pixels, int32_t count, int32_t *to)
{
    const int32_t pitch = l->pitch, units = l->units;
    if (units == 1) {
        pairs(patch, weights, pitch, 1, 1, pixels, count, to);
    } else if (units == 2) {
        pairs(patch, weights, pitch, 2, 1, pixels, count, to);
    } else if (units == 3) {
        pairs(patch, weights, pitch, 3, 1, pixels, count, to);
    } else if (units == 4) {
        pairs(patch, weights, pitch, 4, 1, pixels, count, to);
    } else if (units % 3 == 0) {
        pairs(patch, weights, pitch, units, 3, pixels, count, to);
    } else {
        pairs(patch, weights, pitch, units, 1, pixels, count, to);
    }
}

ER_NEVER_INLINE void pairs_3(const layer *l, const int8_t *patch, const int8_t *weights,
                             int32_t count, int32_t *to)
{
    all_pairs(l, patch, weights, 3, count, to);
}

ER_NEVER_INLINE void pairs_2(const layer *l, const int8_t *patch, const int8_t *weights,
                             int32_t count, int32_t *to)
{
    all_pairs(l, patch, weights, 2, count, to);
}

ER_NEVER_INLINE void pairs_1(const layer *l, const int8_t *patch, const int8_t *weights,
                             int32_t count, int32_t *to)
{
    pairs(patch, weights, l->pitch, l->units, 1, 1, count, to);
}

ER_NEVER_INLINE void put_3(const layer *l, int32_t at, int32_t count, const int32_t *sums,
                           int8_t *to)
{
    er_put(&l->outputs, at, count, sums, 3, 1, l->channels, to);
}

ER_NEVER_INLINE void put_2(const layer *l, int32_t at, int32_t count, const int32_t *sums,
                           int8_t *to)
{
    er_put(&l->outputs, at, count, sums, 2, 1, l->channels, to);
}

ER_NEVER_INLINE void put_1(const layer *l, int32_t at, int32_t count, const int32_t *sums,
                           int8_t *to)
{
    er_put(&l->outputs, at, count, sums, 1, 1, 0, to);
}

/* All channels of `count` times `pixels` pixels, a constant. */
ER_ALWAYS_INLINE void multiply(const layer *l, const int8_t *strip, int32_t pixels, int32_t count,
                               int8_t *output)
{
    const int32_t step = pixels * l->pitch, channels = l->channels;
    const int8_t *weights = l->weights;
    int32_t sums[ER_PIXELS * ER_CHANNELS];
    for (int32_t at = 0; at < channels; at += ER_CHANNELS) {
        const int32_t some = er_least(channels - at, ER_CHANNELS), twos = (some + 1) / 2;
        const int8_t *patch = strip;
        int8_t *to = output + at;
        for (int32_t i = count; i > 0; i--, patch += step, to += pixels * channels) {
            if (pixels == 3) {
                pairs_3(l, patch, weights, twos, sums);
                put_3(l, at, some, sums, to);
            } else if (pixels == 2) {
                pairs_2(l, patch, weights, twos, sums);
                put_2(l, at, some, sums, to);
            } else {
                pairs_1(l, patch, weights, twos, sums);
                put_1(l, at, some, sums, to);
            }
        }
        weights += twos * l->units * 2 * ER_BLOCK;
    }
}

static void multiply_row(const layer *l, const int8_t *strip, int32_t pixels, int8_t *to)
{
    const int32_t threes = pixels / 3, rest = pixels - 3 * threes;
    multiply(l, strip, 3, threes, to);
    strip += 3 * threes * l->pitch;
    to += 3 * threes * l->channels;
    if (rest == 2) {
        multiply(l, strip, 2, 1, to);
    } else if (rest == 1) {
        multiply(l, strip, 1, 1, to);
    }
}

static void convolve_rows(const er_conv_s8 *p, const layer *l, const int8_t *input, int8_t *output,
                          int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t most = er_strip_pixels(w);
    const er_column_offsets offsets = er_column_offsets_of(w);
    int32_t top = -w->pad_top;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        for (int32_t column = 0; column < w->out_w; column += most) {
            const int32_t pixels = er_least(w->out_w - column, most);
            er_fill_strip(p, &offsets, input, top, column * w->stride_w - w->pad_left, pixels,
                          strip);
            multiply_row(l, strip, pixels, output);
            output += pixels * w->out_c;
        }
    }
}

/* Pixels by themselves, one beside the other. */
static void convolve_pixels(const layer *l, int32_t pixels, int32_t depth, const int8_t *input,
                            int8_t *output, int8_t *strip)
{
    if (depth % UNIT_BYTES == 0 && input != output) {
        multiply_row(l, input, pixels, output);
        return;
    }
    const int32_t most = er_most(PIXELS_BYTES / depth / ER_PIXELS, 1) * ER_PIXELS;
    for (int32_t count; pixels > 0; pixels -= count) {
        count = er_least(pixels, most);
        er_vector_run(input, count * depth, 0, strip);
        multiply_row(l, strip, count, output);
        input += count * depth;
        output += count * l->channels;
    }
}

static void convolve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t column = w->kernel_h * w->in_c;
    const layer l = {{p->bias, p->mantissa, p->shift, 1, p->out_zero, p->act_min, p->act_max,
                      er_how_of(p->shift, w->out_c, p->out_zero, p->act_min)},
                     p->weights,
                     w->out_c,
                     (w->kernel_w * column + UNIT_BYTES - 1) / UNIT_BYTES,
                     (er_are_apart(w) ? w->kernel_w : w->stride_w) * column};
    const int are_pixels = w->kernel_h * w->kernel_w == 1 && w->stride_h * w->stride_w == 1 &&
                           w->pad_top + w->pad_left == 0 && w->out_w == w->in_w &&
                           w->out_h <= w->in_h;
    if (are_pixels) {
        convolve_pixels(&l, w->out_h * w->out_w, w->in_c, input, output, scratch);
    } else {
        convolve_rows(p, &l, input, output, scratch);
    }
}

#endif
