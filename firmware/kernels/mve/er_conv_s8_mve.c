/* SPDX-License-Identifier: Apache-2.0
 *
 * Two channels by three pixels by VMLADAVA, 16 products at a time.
 *
 * The rows below the kernel are copied to a strip, column by column: of each column kernel_h runs of
 * in_c elements. So the patch of an output is a run of `blocks` vectors of the strip, and patches of
 * neighbours overlap, unless columns are dilated. Weights have the order of the strip, (column, row, element), filled with zeros
 * up to whole vectors: what lies behind a patch does not count. Vectors of two channels alternate; a
 * last odd channel stands beside zeros.
 *
 * A convolution of single pixels side by side is one of one long row, and reads its input where it is
 * if that is made of whole vectors and is not written over.
 */
#include "er_kernels.h"
#include "er_mve.h"

enum { ER_PIXELS_BYTES = 256, LANES = 8 };

typedef struct {
    er_outputs outputs;
    const int8_t *weights;
    int32_t channels, blocks;
    int32_t pitch; /* from one pixel to the next in the strip */
} layer;

/* The sums of two channels; returns where the weights of the next two are. `unrolled`, a constant,
 * divides the number of blocks. */
ER_ALWAYS_INLINE const int8_t *two(const int8_t *patch, const int8_t *weights, int32_t pitch,
                                   int32_t blocks, int32_t unrolled, int32_t pixels, int32_t *to)
{
    const int8_t *second = patch + pitch, *third = second + pitch;
    int32_t sum[ER_PIXELS][2] = {{0, 0}, {0, 0}, {0, 0}};
    for (int32_t left = blocks; left > 0; left -= unrolled) {
        for (int32_t i = 0; i < unrolled; i++, weights += 2 * ER_BLOCK) {
            const int8x16_t a = vldrbq_s8(weights), b = vldrbq_s8(weights + ER_BLOCK);
            const int8x16_t x = vldrbq_s8(patch);
            patch += ER_BLOCK;
            sum[0][0] = vmladavaq_s8(sum[0][0], x, a);
            sum[0][1] = vmladavaq_s8(sum[0][1], x, b);
            if (pixels > 1) {
                const int8x16_t y = vldrbq_s8(second);
                second += ER_BLOCK;
                sum[1][0] = vmladavaq_s8(sum[1][0], y, a);
                sum[1][1] = vmladavaq_s8(sum[1][1], y, b);
            }
            if (pixels > 2) {
                const int8x16_t z = vldrbq_s8(third);
                third += ER_BLOCK;
                sum[2][0] = vmladavaq_s8(sum[2][0], z, a);
                sum[2][1] = vmladavaq_s8(sum[2][1], z, b);
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
                            int32_t blocks, int32_t unrolled, int32_t pixels, int32_t count,
                            int32_t *to)
{
    for (; count > 0; count--, to += 2) {
        weights = two(patch, weights, pitch, blocks, unrolled, pixels, to);
    }
}

/* Most layers have few blocks: loops for their number need no counting and no clearing of sums.
 * Kernels of 3 x 3 taps and whole vectors of channels have a multiple of three. */
ER_ALWAYS_INLINE void all_pairs(const layer *l, const int8_t *patch, const int8_t *weights,
                                int32_t pixels, int32_t count, int32_t *to)
{
    const int32_t pitch = l->pitch, blocks = l->blocks;
    if (blocks == 1) {
        pairs(patch, weights, pitch, 1, 1, pixels, count, to);
    } else if (blocks == 2) {
        pairs(patch, weights, pitch, 2, 1, pixels, count, to);
    } else if (blocks == 3) {
        pairs(patch, weights, pitch, 3, 1, pixels, count, to);
    } else if (blocks == 4) {
        pairs(patch, weights, pitch, 4, 1, pixels, count, to);
    } else if (blocks % 3 == 0) {
        pairs(patch, weights, pitch, blocks, 3, pixels, count, to);
    } else {
        pairs(patch, weights, pitch, blocks, 1, pixels, count, to);
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
    pairs(patch, weights, l->pitch, l->blocks, 1, 1, count, to);
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
        weights += twos * l->blocks * 2 * ER_BLOCK;
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

/* Pieces of a row: `bytes` each, `apart` from one to the next there, and `step` where they go. */
typedef struct {
    int32_t bytes, apart, step;
} cut;

/* `count` pieces (or, from NULL, as many of zeros). */
static int8_t *pieces(const int8_t *from, int32_t count, cut c, int32_t zero, int8_t *to)
{
    if (c.bytes == c.step && c.bytes == c.apart) {
        er_vector_run(from, count * c.bytes, zero, to);
        return to + count * c.bytes;
    }
    const mve_pred16_t some = vctp8q((uint32_t)c.bytes);
    if (from == NULL && c.bytes <= ER_BLOCK) {
        for (; count > 0; count--, to += c.step) {
            vstrbq_p_s8(to, vdupq_n_s8((int8_t)zero), some);
        }
    } else if (c.bytes == ER_BLOCK) {
        for (; count > 0; count--, from += c.apart, to += c.step) {
            vstrbq_s8(to, vldrbq_s8(from));
        }
    } else if (c.bytes < ER_BLOCK) {
        for (; count > 0; count--, from += c.apart, to += c.step) {
            vstrbq_p_s8(to, vldrbq_z_s8(from, some), some);
        }
    } else {
        for (; count > 0; count--, to += c.step) {
            er_vector_run(from, c.bytes, zero, to);
            from = from == NULL ? NULL : from + c.apart;
        }
    }
    return to;
}

/* The columns of a span that lie in the image, where all of their rows do too: of each column the
 * bytes at `offset`, first those of the first eight and then, maybe the same, of the last. */
static void gather(const uint16_t *offset, const int8_t *from, int32_t count, int32_t bytes,
                   int32_t step, int8_t *to)
{
    const uint16x8_t first = vldrhq_u16(offset), last = vldrhq_u16(offset + LANES);
    for (; count > 0; count--, from += bytes, to += step) {
        vstrbq_s16(to, vldrbq_gather_offset_s16(from, first));
        vstrbq_s16(to + step - LANES, vldrbq_gather_offset_s16(from, last));
    }
}

/* Where the bytes of a column lie, as `gather` takes them: their number is LANES to 2 * LANES. */
static void offsets_of(const er_window *w, uint16_t *offset)
{
    const int32_t bytes = w->in_c, step = w->kernel_h * bytes;
    for (int32_t i = 0; i < 2 * LANES; i++) {
        const int32_t place = i < LANES ? i : step - 2 * LANES + i, row = place / bytes;
        offset[i] = (uint16_t)(row * w->dilation_h * w->in_w * bytes + place - row * bytes);
    }
}

static int can_gather(const er_window *w)
{
    const int32_t step = w->kernel_h * w->in_c;
    return step >= LANES && step <= 2 * LANES && w->kernel_h > 1 &&
           w->kernel_h * w->dilation_h * w->in_w * w->in_c <= UINT16_MAX;
}

/* Columns of the image, `apart` columns from one to the next; `step` bytes where they go. */
typedef struct {
    int32_t left, count, apart, step;
} columns;

/* How many of `count` columns lie left of column `end`. */
static inline int32_t columns_before(columns c, int32_t end)
{
    const int32_t before = (end - c.left + c.apart - 1) / c.apart;
    return end <= c.left ? 0 : er_least(before, c.count);
}

/* Columns of the rows from `top` on; at `offset` as `gather` takes them, where that is not NULL. */
static void fill_strip(const er_conv_s8 *p, const uint16_t *offset, const int8_t *input,
                       int32_t top, columns k, int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t bytes = w->in_c, zero = p->in_zero;
    const int32_t before = columns_before(k, 0);
    const int32_t inside = columns_before(k, w->in_w) - before;
    const int32_t after = k.count - before - inside;
    const int32_t start = (k.left + before * k.apart) * bytes;
    const int32_t bottom = top + (w->kernel_h - 1) * w->dilation_h;
    if (offset != NULL && top >= 0 && bottom < w->in_h) {
        er_vector_run(NULL, before * k.step, zero, strip);
        strip += before * k.step;
        gather(offset, input + top * w->in_w * bytes + start, inside, bytes, k.step, strip);
        er_vector_run(NULL, after * k.step, zero, strip + inside * k.step);
        return;
    }
    const cut c = {bytes, k.apart * bytes, k.step};
    for (int32_t row = 0, y = top; row < w->kernel_h; row++, y += w->dilation_h) {
        int8_t *to = strip + row * bytes;
        if (y < 0 || y >= w->in_h) {
            pieces(NULL, k.count, c, zero, to);
            continue;
        }
        to = pieces(NULL, before, c, zero, to);
        to = pieces(input + y * w->in_w * bytes + start, inside, c, zero, to);
        pieces(NULL, after, c, zero, to);
    }
}

/* Whether the patches of neighbours have no columns in common, or not in the same order: each then
 * has a place of its own in the strip. */
static inline int are_apart(const er_window *w)
{
    return w->dilation_w > 1 || w->stride_w > w->kernel_w;
}

/* How many pixels of a row a strip serves. */
static int32_t pixels_of_strip(const er_window *w)
{
    const int32_t column = w->kernel_h * w->in_c;
    if (!are_apart(w)) {
        return er_pixels_of_strip(w, column);
    }
    const int32_t fit = ER_STRIP_BYTES / (w->kernel_w * column);
    return er_least(w->out_w, er_most(fit - fit % ER_PIXELS, ER_PIXELS));
}

/* What `pixels` pixels read whose first taps are at (top, left). */
static void fill(const er_conv_s8 *p, const uint16_t *offset, const int8_t *input, int32_t top,
                 int32_t left, int32_t pixels, int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t taps = w->kernel_w, column = w->kernel_h * w->in_c;
    if (!are_apart(w)) {
        const columns all = {left, (pixels - 1) * w->stride_w + taps, 1, column};
        fill_strip(p, offset, input, top, all, strip);
        return;
    }
    for (int32_t tap = 0; tap < taps; tap++, left += w->dilation_w, strip += column) {
        const columns one_each = {left, pixels, w->stride_w, taps * column};
        fill_strip(p, NULL, input, top, one_each, strip);
    }
}

static void convolve(const er_conv_s8 *p, const layer *l, const int8_t *input, int8_t *output,
                     int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t most = pixels_of_strip(w);
    const int gathers = can_gather(w);
    uint16_t offset[2 * LANES];
    int32_t top = -w->pad_top;
    if (gathers) {
        offsets_of(w, offset);
    }
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        for (int32_t column = 0; column < w->out_w; column += most) {
            const int32_t pixels = er_least(w->out_w - column, most);
            fill(p, gathers ? offset : NULL, input, top, column * w->stride_w - w->pad_left, pixels,
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
    if (depth % ER_BLOCK == 0 && input != output) {
        multiply_row(l, input, pixels, output);
        return;
    }
    const int32_t most = er_most(ER_PIXELS_BYTES / depth / ER_PIXELS, 1) * ER_PIXELS;
    for (int32_t count; pixels > 0; pixels -= count) {
        count = er_least(pixels, most);
        er_vector_run(input, count * depth, 0, strip);
        multiply_row(l, strip, count, output);
        input += count * depth;
        output += count * l->channels;
    }
}

void er_conv_s8_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t column = w->kernel_h * w->in_c;
    const layer l = {{p->bias, p->mantissa, p->shift, 1, p->out_zero, p->act_min, p->act_max,
                      er_how_of(p->shift, w->out_c, p->out_zero, p->act_min)},
                     p->weights,
                     w->out_c,
                     (w->kernel_w * column + ER_BLOCK - 1) / ER_BLOCK,
                     (are_apart(w) ? w->kernel_w : w->stride_w) * column};
    const int are_pixels = w->kernel_h * w->kernel_w == 1 && w->stride_h * w->stride_w == 1 &&
                           w->pad_top + w->pad_left == 0 && w->out_w == w->in_w &&
                           w->out_h <= w->in_h;
    if (are_pixels) {
        convolve_pixels(&l, w->out_h * w->out_w, w->in_c, input, output, scratch);
    } else {
        convolve(p, &l, input, output, scratch);
    }
}
