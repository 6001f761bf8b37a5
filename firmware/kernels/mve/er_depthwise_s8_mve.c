/* SPDX-License-Identifier: Apache-2.0
 *
 * Sixteen taps of one channel by one VMLADAVA. 16 channels of the rows below the kernel go to a
 * strip, in which the elements of four rows alternate: a word is a column of four taps of one
 * channel. Four such words, of columns below the kernel, are gathered to a vector. Larger kernels
 * are made of several blocks of 4 x 4 taps.
 *
 * Weights are channel by channel, block by block, column by column, zeros standing for the taps that
 * the kernel lacks; an odd last channel is followed by one of zeros.
 */
#include "er_kernels.h"
#include "er_mve.h"

enum { SIDE = 4, TOGETHER = 16, COLUMN_BYTES = TOGETHER * SIDE };

typedef struct {
    const er_window *w;
    er_outputs outputs;
    int32_t zero;
    int32_t blocks, down; /* in all, and one below the other */
    int32_t plane;        /* bytes of a strip of four rows */
} layer;

/* Columns of the image that a strip holds. */
typedef struct {
    int32_t left, before, inside, after; /* before and after: that many beside the image */
} span;

/* Up to TOGETHER channels from `first` on. */
typedef struct {
    const int8_t *weights;
    int32_t first, channels;
} group;

/* Where the columns of four taps lie, those beyond the kernel on its last one. */
static inline uint32x4_t columns_of(int32_t taps, int32_t dilation)
{
    const uint32x4_t number = vminq_u32(vidupq_n_u32(0, 1), vdupq_n_u32((uint32_t)taps - 1));
    return vmulq_n_u32(number, (uint32_t)(dilation * COLUMN_BYTES));
}

static inline int8x16_t taps_at(const int8_t *strip, uint32x4_t columns)
{
    const int32_t *words = (const int32_t *)(const void *)strip;
    return vreinterpretq_s8_s32(vldrwq_gather_offset_s32(words, columns));
}

/* `pixels` pixels, a constant, of the strip, for kernels of one block. */
ER_ALWAYS_INLINE void one_block(const group *g, const int8_t *strip, uint32x4_t columns,
                                int32_t pitch, int32_t pixels, int32_t *sums)
{
    const int8_t *weights = g->weights;
    uint32x4_t next = vaddq_n_u32(columns, SIDE);
    for (int32_t left = g->channels; left > 0; left -= 2, sums += 2, weights += 2 * ER_BLOCK) {
        const int8x16_t a = vldrbq_s8(weights), b = vldrbq_s8(weights + ER_BLOCK);
        int32_t first[ER_PIXELS], second[ER_PIXELS];
        for (int32_t i = 0; i < pixels; i++) {
            first[i] = vmladavq_s8(taps_at(strip + i * pitch, columns), a);
            second[i] = vmladavq_s8(taps_at(strip + i * pitch, next), b);
        }
        for (int32_t i = 0; i < pixels; i++) {
            sums[i * ER_CHANNELS] = first[i];
            sums[i * ER_CHANNELS + 1] = second[i];
        }
        columns = vaddq_n_u32(columns, 2 * SIDE);
        next = vaddq_n_u32(next, 2 * SIDE);
    }
}

ER_NEVER_INLINE void multiply_3(const layer *l, const group *g, const int8_t *strip,
                                int32_t *sums)
{
    const er_window *w = l->w;
    one_block(g, strip, columns_of(w->kernel_w, w->dilation_w), w->stride_w * COLUMN_BYTES, 3,
              sums);
}

ER_NEVER_INLINE void multiply_2(const layer *l, const group *g, const int8_t *strip,
                                int32_t *sums)
{
    const er_window *w = l->w;
    one_block(g, strip, columns_of(w->kernel_w, w->dilation_w), w->stride_w * COLUMN_BYTES, 2,
              sums);
}

ER_NEVER_INLINE void put_3(const layer *l, const group *g, const int32_t *sums, int8_t *to)
{
    er_put(&l->outputs, g->first, g->channels, sums, 3, 1, l->w->out_c, to);
}

ER_NEVER_INLINE void put_2(const layer *l, const group *g, const int32_t *sums, int8_t *to)
{
    er_put(&l->outputs, g->first, g->channels, sums, 2, 1, l->w->out_c, to);
}

/* One pixel, for kernels of any number of blocks. */
static void several_blocks(const layer *l, const group *g, const int8_t *strip, int32_t *sums)
{
    const er_window *w = l->w;
    const int8_t *weights = g->weights;
    for (int32_t channel = 0; channel < g->channels; channel++) {
        const int8_t *row = strip + channel * SIDE;
        int32_t sum = 0;
        for (int32_t i = 0; i < l->down; i++, row += l->plane) {
            const int8_t *place = row;
            for (int32_t taps = w->kernel_w; taps > 0; taps -= SIDE, weights += ER_BLOCK) {
                const uint32x4_t columns = columns_of(er_least(taps, SIDE), w->dilation_w);
                sum = vmladavaq_s8(sum, taps_at(place, columns), vldrbq_s8(weights));
                place += SIDE * w->dilation_w * COLUMN_BYTES;
            }
        }
        sums[channel] = sum;
    }
}

/* Three pixels at a time, and two in the end; a last one takes two before it along. */
static void multiply_threes(const layer *l, const group *g, const int8_t *strip, int32_t pixels,
                            int8_t *output)
{
    const int32_t pitch = l->w->stride_w * COLUMN_BYTES, channels = l->w->out_c;
    int32_t sums[ER_PIXELS * ER_CHANNELS];
    for (int32_t i = 0; i < pixels; i += ER_PIXELS) {
        if (i + 2 == pixels) {
            multiply_2(l, g, strip + i * pitch, sums);
            put_2(l, g, sums, output + i * channels);
            return;
        }
        const int32_t at = er_least(i, pixels - ER_PIXELS);
        multiply_3(l, g, strip + at * pitch, sums);
        put_3(l, g, sums, output + at * channels);
    }
}

static void multiply_ones(const layer *l, const group *g, const int8_t *strip, int32_t pixels,
                          int8_t *output)
{
    const er_window *w = l->w;
    int32_t sums[ER_CHANNELS];
    for (; pixels > 0; pixels--, strip += w->stride_w * COLUMN_BYTES, output += w->out_c) {
        several_blocks(l, g, strip, sums);
        er_put(&l->outputs, g->first, g->channels, sums, 1, 1, 0, output);
    }
}

static int8_t *fill_columns(int32_t count, int32_t zero, int8_t *to)
{
    const int8x16_t zeros = vdupq_n_s8((int8_t)zero);
    ER_ROLLED_ALWAYS
    for (; count > 0; count--, to += COLUMN_BYTES) {
        vstrbq_s8(to, zeros);
        vstrbq_s8(to + ER_BLOCK, zeros);
        vstrbq_s8(to + 2 * ER_BLOCK, zeros);
        vstrbq_s8(to + 3 * ER_BLOCK, zeros);
    }
    return to;
}

/* `count` columns of four rows, each going on by its step; of TOGETHER channels if `whole`. */
ER_ALWAYS_INLINE int8_t *weave(const int8_t *const row[SIDE], const int32_t step[SIDE],
                               int32_t count, int32_t channels, int whole, int8_t *to)
{
    const mve_pred16_t some = vctp8q((uint32_t)channels);
    const int8_t *a = row[0], *b = row[1], *c = row[2], *d = row[3];
    const int32_t a_step = step[0], b_step = step[1], c_step = step[2], d_step = step[3];
    for (; count > 0; count--, to += COLUMN_BYTES) {
        int8x16x4_t woven;
        woven.val[0] = whole ? vldrbq_s8(a) : vldrbq_z_s8(a, some);
        woven.val[1] = whole ? vldrbq_s8(b) : vldrbq_z_s8(b, some);
        woven.val[2] = whole ? vldrbq_s8(c) : vldrbq_z_s8(c, some);
        woven.val[3] = whole ? vldrbq_s8(d) : vldrbq_z_s8(d, some);
        vst4q_s8(to, woven);
        a += a_step;
        b += b_step;
        c += c_step;
        d += d_step;
    }
    return to;
}

/* The columns of a span of up to four rows of taps, the first at row `y` of the image. */
ER_NEVER_INLINE void fill_plane(const layer *l, const span *s, const int8_t *image, int32_t y,
                                int32_t taps, int32_t channels, int8_t *to)
{
    const er_window *w = l->w;
    const int32_t depth = w->in_c, line = w->in_w * depth, start = (s->left + s->before) * depth;
    const int8_t *row[SIDE];
    int32_t step[SIDE];
    int8_t zeros[ER_BLOCK];
    vstrbq_s8(zeros, vdupq_n_s8((int8_t)l->zero));
    for (int32_t i = 0; i < SIDE; i++, y += w->dilation_h) {
        const int is_inside = i < taps && y >= 0 && y < w->in_h;
        row[i] = is_inside ? image + y * line + start : zeros;
        step[i] = is_inside ? depth : 0;
    }
    to = fill_columns(s->before, l->zero, to);
    to = channels == TOGETHER ? weave(row, step, s->inside, channels, 1, to)
                              : weave(row, step, s->inside, channels, 0, to);
    fill_columns(s->after, l->zero, to);
}

/* `pixels` pixels of a row, of all channels; `top` is the row of their first taps. */
static void make_pixels(const layer *l, const int8_t *weights, const int8_t *image, int32_t top,
                        span s, int32_t pixels, int8_t *strip, int8_t *to)
{
    const er_window *w = l->w;
    for (int32_t first = 0; first < w->in_c; first += TOGETHER) {
        const group g = {weights, first, er_least(w->in_c - first, TOGETHER)};
        int8_t *plane = strip;
        for (int32_t taps = 0; taps < w->kernel_h; taps += SIDE, plane += l->plane) {
            fill_plane(l, &s, image + first, top + taps * w->dilation_h, w->kernel_h - taps,
                       g.channels, plane);
        }
        if (l->blocks == 1 && pixels >= ER_PIXELS) {
            multiply_threes(l, &g, strip, pixels, to + first);
        } else {
            multiply_ones(l, &g, strip, pixels, to + first);
        }
        weights += TOGETHER * l->blocks * ER_BLOCK;
    }
}

static span span_of(const er_window *w, int32_t left, int32_t columns)
{
    const int32_t before = er_least(er_most(-left, 0), columns);
    const int32_t inside = er_most(er_least(w->in_w - left, columns) - before, 0);
    const span s = {left, before, inside, columns - before - inside};
    return s;
}

void er_depthwise_s8_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t down = (w->kernel_h + SIDE - 1) / SIDE, across = (w->kernel_w + SIDE - 1) / SIDE;
    const int32_t most = er_pixels_of_strip(w, down * COLUMN_BYTES);
    const int32_t reach = (w->kernel_w - 1) * w->dilation_w + 1;
    const layer l = {w,
                     {p->bias, p->mantissa, p->shift, 1, p->out_zero, p->act_min, p->act_max,
                      er_how_of(p->shift, w->out_c, p->out_zero, p->act_min)},
                     p->in_zero,
                     down * across,
                     down,
                     ((most - 1) * w->stride_w + reach) * COLUMN_BYTES};
    int32_t top = -w->pad_top;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        for (int32_t column = 0; column < w->out_w; column += most) {
            const int32_t pixels = er_least(w->out_w - column, most);
            const span s = span_of(w, column * w->stride_w - w->pad_left,
                                   (pixels - 1) * w->stride_w + reach);
            make_pixels(&l, p->weights, input, top, s, pixels, scratch, output);
            output += pixels * w->out_c;
        }
    }
}
