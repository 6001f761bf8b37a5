/* SPDX-License-Identifier: Apache-2.0
 *
 * Two channels by three pixels by VMLADAVA, 16 products at a time.
 *
 * The rows below the kernel are copied to a strip, column by column: of each column kernel_h runs of
 * in_c elements. So the patch of an output is a run of `blocks` vectors of the strip, and patches of
 * neighbours overlap. Weights have the order of the strip, (column, row, element), filled with zeros
 * up to whole vectors: what lies behind a patch does not count. Vectors of two channels alternate; a
 * last odd channel stands beside zeros.
 *
 * A convolution of single pixels side by side is one of one long row, and reads its input where it is
 * if that is made of whole vectors and is not written over.
 */
#include "er_kernels.h"
#include "er_mve.h"

typedef struct {
    er_outputs outputs;
    const int8_t *weights;
    int32_t channels, blocks;
    int32_t pitch; /* from one pixel to the next in the strip */
} layer;

/* The sums of two channels; returns where the weights of the next two are. */
ER_ALWAYS_INLINE const int8_t *two(const int8_t *patch, const int8_t *weights, int32_t pitch,
                                   int32_t blocks, int32_t pixels, int32_t *to)
{
    const int8_t *second = patch + pitch, *third = second + pitch;
    int32_t sum[ER_PIXELS][2] = {{0, 0}, {0, 0}, {0, 0}};
    for (int32_t i = blocks; i > 0; i--, weights += 2 * ER_BLOCK) {
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
    for (int32_t i = 0; i < pixels; i++) {
        to[i * ER_CHANNELS] = sum[i][0];
        to[i * ER_CHANNELS + 1] = sum[i][1];
    }
    return weights;
}

ER_ALWAYS_INLINE const int8_t *pairs(const int8_t *patch, const int8_t *weights, int32_t pitch,
                                     int32_t blocks, int32_t pixels, int32_t count, int32_t *to)
{
    for (; count > 0; count--, to += 2) {
        weights = two(patch, weights, pitch, blocks, pixels, to);
    }
    return weights;
}

/* All channels of `pixels` pixels, a constant. */
ER_ALWAYS_INLINE void multiply(const layer *l, const int8_t *patch, int32_t pixels, int8_t *to)
{
    int32_t sums[ER_PIXELS * ER_CHANNELS];
    const int8_t *weights = l->weights;
    er_outputs outputs = l->outputs;
    for (int32_t left = l->channels; left > 0; left -= ER_CHANNELS, to += ER_CHANNELS) {
        const int32_t count = er_least(left, ER_CHANNELS), twos = (count + 1) / 2;
        if (pixels == ER_PIXELS && l->blocks == 1) {
            weights = pairs(patch, weights, l->pitch, 1, pixels, twos, sums);
        } else if (pixels == ER_PIXELS && l->blocks == 2) {
            weights = pairs(patch, weights, l->pitch, 2, pixels, twos, sums);
        } else if (pixels == ER_PIXELS && l->blocks == 4) {
            weights = pairs(patch, weights, l->pitch, 4, pixels, twos, sums);
        } else {
            weights = pairs(patch, weights, l->pitch, l->blocks, pixels, twos, sums);
        }
        er_put(&outputs, sums, count, pixels, l->channels, to);
        outputs = er_outputs_after(outputs, ER_CHANNELS);
    }
}

ER_NEVER_INLINE void multiply_3(const layer *l, const int8_t *patch, int8_t *to)
{
    multiply(l, patch, 3, to);
}

ER_NEVER_INLINE void multiply_2(const layer *l, const int8_t *patch, int8_t *to)
{
    multiply(l, patch, 2, to);
}

ER_NEVER_INLINE void multiply_1(const layer *l, const int8_t *patch, int8_t *to)
{
    multiply(l, patch, 1, to);
}

static void multiply_row(const layer *l, const int8_t *strip, int32_t pixels, int8_t *to)
{
    const int32_t many = ER_PIXELS * l->channels;
    for (; pixels >= ER_PIXELS; pixels -= ER_PIXELS, strip += ER_PIXELS * l->pitch, to += many) {
        multiply_3(l, strip, to);
    }
    if (pixels == 2) {
        multiply_2(l, strip, to);
    } else if (pixels == 1) {
        multiply_1(l, strip, to);
    }
}

/* `count` pieces of `bytes` bytes each, side by side (or, from NULL, of zeros), to every `step`. */
static int8_t *pieces(const int8_t *from, int32_t count, int32_t bytes, int32_t step, int32_t zero,
                      int8_t *to)
{
    if (bytes == step) {
        er_vector_run(from, count * bytes, zero, to);
        return to + count * bytes;
    }
    for (; count > 0; count--, to += step) {
        er_vector_run(from, bytes, zero, to);
        from = from == NULL ? NULL : from + bytes;
    }
    return to;
}

/* The columns from `left` on of the rows from `top` on. */
static void fill_strip(const er_conv_s8 *p, const int8_t *input, int32_t top, int32_t left,
                       int32_t columns, int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t bytes = w->in_c, step = w->kernel_h * bytes;
    const int32_t before = er_least(er_most(-left, 0), columns);
    const int32_t inside = er_most(er_least(w->in_w - left, columns) - before, 0);
    for (int32_t row = 0, y = top; row < w->kernel_h; row++, y += w->dilation_h) {
        int8_t *to = strip + row * bytes;
        if (y < 0 || y >= w->in_h) {
            pieces(NULL, columns, bytes, step, p->in_zero, to);
            continue;
        }
        const int8_t *line = input + (y * w->in_w + left + before) * bytes;
        to = pieces(NULL, before, bytes, step, p->in_zero, to);
        to = pieces(line, inside, bytes, step, p->in_zero, to);
        pieces(NULL, columns - before - inside, bytes, step, p->in_zero, to);
    }
}

static void convolve(const er_conv_s8 *p, const layer *l, const int8_t *input, int8_t *output,
                     int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t most = er_pixels_of_strip(w, w->kernel_h * w->in_c);
    int32_t top = -w->pad_top;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        for (int32_t column = 0; column < w->out_w; column += most) {
            const int32_t pixels = er_least(w->out_w - column, most);
            fill_strip(p, input, top, column * w->stride_w - w->pad_left,
                       (pixels - 1) * w->stride_w + w->kernel_w, strip);
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
    for (int32_t count; pixels > 0; pixels -= count) {
        count = er_least(pixels, ER_PIXELS);
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
    const layer l = {{p->bias, p->mantissa, p->shift, 4, p->out_zero, p->act_min, p->act_max,
                      er_how_of(p->shift, w->out_c)},
                     p->weights,
                     w->out_c,
                     (w->kernel_w * column + ER_BLOCK - 1) / ER_BLOCK,
                     w->stride_w * column};
    const int are_pixels = w->kernel_h * w->kernel_w == 1 && w->stride_h * w->stride_w == 1 &&
                           w->pad_top + w->pad_left == 0 && w->out_w == w->in_w &&
                           w->out_h <= w->in_h;
    if (are_pixels) {
        convolve_pixels(&l, w->out_h * w->out_w, w->in_c, input, output, scratch);
    } else {
        convolve(p, &l, input, output, scratch);
    }
}
