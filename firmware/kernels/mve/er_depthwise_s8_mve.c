/* SPDX-License-Identifier: Apache-2.0
 *
 * Sixteen taps of one channel by one VMLADAV. The rows below the kernel go to a strip, for 16 output
 * channels at a time, in which the elements of four rows alternate: a word is a column of four taps
 * of one channel. Four such words, of columns below the kernel, are gathered to a vector. Larger
 * kernels are made of several blocks of 4 x 4 taps.
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
    int32_t multiplier;   /* output channels of each input channel */
    int32_t blocks, down; /* in all, and one below the other */
    int32_t plane;        /* bytes of a strip of four rows */
} layer;

/* Columns of the image that a strip holds. */
typedef struct {
    int32_t left, before, inside, after; /* before and after: that many beside the image */
} span;

/* Up to TOGETHER output channels from `first` on. */
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

/* What one block of taps makes of `pixels` pixels; it adds to the sums there if `adds`. These are
 * constants. `step` is from the weights of a channel to the next. */
ER_ALWAYS_INLINE void one_block(const int8_t *weights, int32_t step, int32_t channels,
                                const int8_t *strip, uint32x4_t columns, int32_t pitch,
                                int32_t pixels, int adds, int32_t *sums)
{
    uint32x4_t next = vaddq_n_u32(columns, SIDE);
    for (; channels > 0; channels -= 2, sums += 2, weights += 2 * step) {
        const int8x16_t a = vldrbq_s8(weights), b = vldrbq_s8(weights + step);
        int32_t first[ER_PIXELS], second[ER_PIXELS];
        for (int32_t i = 0; i < pixels; i++) {
            first[i] = vmladavaq_s8(adds ? sums[i * ER_CHANNELS] : 0,
                                    taps_at(strip + i * pitch, columns), a);
            second[i] = vmladavaq_s8(adds ? sums[i * ER_CHANNELS + 1] : 0,
                                     taps_at(strip + i * pitch, next), b);
        }
        for (int32_t i = 0; i < pixels; i++) {
            sums[i * ER_CHANNELS] = first[i];
            sums[i * ER_CHANNELS + 1] = second[i];
        }
        columns = vaddq_n_u32(columns, 2 * SIDE);
        next = vaddq_n_u32(next, 2 * SIDE);
    }
}

/* Kernels of one block; `pixels` is a constant. */
ER_ALWAYS_INLINE void multiply(const layer *l, const group *g, const int8_t *strip, int32_t pixels,
                               int32_t *sums)
{
    const er_window *w = l->w;
    one_block(g->weights, ER_BLOCK, g->channels, strip, columns_of(w->kernel_w, w->dilation_w),
              w->stride_w * COLUMN_BYTES, pixels, 0, sums);
}

ER_NEVER_INLINE void multiply_3(const layer *l, const group *g, const int8_t *strip, int32_t *sums)
{
    multiply(l, g, strip, 3, sums);
}

ER_NEVER_INLINE void multiply_2(const layer *l, const group *g, const int8_t *strip, int32_t *sums)
{
    multiply(l, g, strip, 2, sums);
}

ER_NEVER_INLINE void multiply_1(const layer *l, const group *g, const int8_t *strip, int32_t *sums)
{
    multiply(l, g, strip, 1, sums);
}

/* A block of several; `pixels` is a constant. */
ER_ALWAYS_INLINE void add(const int8_t *weights, int32_t step, int32_t channels,
                          const int8_t *strip, uint32x4_t columns, int32_t pitch, int32_t pixels,
                          int adds, int32_t *sums)
{
    if (adds) {
        one_block(weights, step, channels, strip, columns, pitch, pixels, 1, sums);
    } else {
        one_block(weights, step, channels, strip, columns, pitch, pixels, 0, sums);
    }
}

ER_NEVER_INLINE void add_3(const int8_t *weights, int32_t step, int32_t channels,
                           const int8_t *strip, uint32x4_t columns, int32_t pitch, int adds,
                           int32_t *sums)
{
    add(weights, step, channels, strip, columns, pitch, 3, adds, sums);
}

ER_NEVER_INLINE void add_1(const int8_t *weights, int32_t step, int32_t channels,
                           const int8_t *strip, uint32x4_t columns, int32_t pitch, int adds,
                           int32_t *sums)
{
    add(weights, step, channels, strip, columns, pitch, 1, adds, sums);
}

/* Kernels of several blocks. */
static void add_blocks(const layer *l, const group *g, const int8_t *strip, int32_t pixels,
                       int32_t *sums)
{
    const er_window *w = l->w;
    const int32_t dilation = w->dilation_w, pitch = w->stride_w * COLUMN_BYTES;
    const int32_t step = l->blocks * ER_BLOCK;
    const int8_t *weights = g->weights;
    for (int32_t i = l->down; i > 0; i--, strip += l->plane) {
        const int8_t *place = strip;
        for (int32_t taps = w->kernel_w; taps > 0; taps -= SIDE, weights += ER_BLOCK) {
            const uint32x4_t columns = columns_of(er_least(taps, SIDE), dilation);
            const int adds = weights != g->weights;
            if (pixels == 3) {
                add_3(weights, step, g->channels, place, columns, pitch, adds, sums);
            } else {
                add_1(weights, step, g->channels, place, columns, pitch, adds, sums);
            }
            place += SIDE * dilation * COLUMN_BYTES;
        }
    }
}

ER_NEVER_INLINE void put_3(const layer *l, const group *g, const int32_t *sums, int8_t *to)
{
    er_put(&l->outputs, g->first, g->channels, sums, 3, 1, l->w->out_c, to);
}

ER_NEVER_INLINE void put_2(const layer *l, const group *g, const int32_t *sums, int8_t *to)
{
    er_put(&l->outputs, g->first, g->channels, sums, 2, 1, l->w->out_c, to);
}

ER_NEVER_INLINE void put_1(const layer *l, const group *g, const int32_t *sums, int8_t *to)
{
    er_put(&l->outputs, g->first, g->channels, sums, 1, 1, 0, to);
}

static void make_channels(const layer *l, const group *g, const int8_t *strip, int32_t pixels,
                          int8_t *to)
{
    const int32_t pitch = l->w->stride_w * COLUMN_BYTES, channels = l->w->out_c;
    int32_t sums[ER_PIXELS * ER_CHANNELS];
    for (; pixels >= 3; pixels -= 3, strip += 3 * pitch, to += 3 * channels) {
        multiply_3(l, g, strip, sums);
        put_3(l, g, sums, to);
    }
    if (pixels == 2) {
        multiply_2(l, g, strip, sums);
        put_2(l, g, sums, to);
    } else if (pixels == 1) {
        multiply_1(l, g, strip, sums);
        put_1(l, g, sums, to);
    }
}

/* The same for kernels of several blocks, where the last three pixels may overlap those before. */
static void make_channels_of_blocks(const layer *l, const group *g, const int8_t *strip,
                                    int32_t pixels, int8_t *to)
{
    const int32_t pitch = l->w->stride_w * COLUMN_BYTES, channels = l->w->out_c;
    const int32_t together = pixels < 3 ? 1 : 3;
    int32_t sums[ER_PIXELS * ER_CHANNELS];
    for (int32_t i = 0; i < pixels; i += together) {
        const int32_t at = er_least(i, pixels - together);
        add_blocks(l, g, strip + at * pitch, together, sums);
        if (together == 3) {
            put_3(l, g, sums, to + at * channels);
        } else {
            put_1(l, g, sums, to + at * channels);
        }
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

/* Where four rows of taps are read: each goes on by its step, which is 0 outside the image. */
typedef struct {
    const int8_t *row[SIDE];
    int32_t step[SIDE];
} rows;

/* The rows from `y` on, of at most `taps`, where the columns of a span begin that are in the image;
 * `outside` stands for what is not. */
static rows rows_of(const layer *l, const span *s, const int8_t *image, int32_t y, int32_t taps,
                    const int8_t *outside)
{
    const er_window *w = l->w;
    const int32_t depth = w->in_c, line = w->in_w * depth, start = (s->left + s->before) * depth;
    rows r;
    for (int32_t i = 0; i < SIDE; i++, y += w->dilation_h) {
        const int is_inside = i < taps && y >= 0 && y < w->in_h;
        r.row[i] = is_inside ? image + y * line + start : outside;
        r.step[i] = is_inside ? depth : 0;
    }
    return r;
}

/* The rows `bytes` further on. */
static inline rows rows_after(const rows *r, int32_t bytes)
{
    rows after = *r;
    for (int32_t i = 0; i < SIDE; i++) {
        after.row[i] += r->step[i] == 0 ? 0 : bytes;
    }
    return after;
}

/* `count` columns: of each row the bytes at `offset`, which side by side are just 16 bytes. */
ER_ALWAYS_INLINE int8_t *weave(rows r, int32_t count, uint8x16_t offset, int side_by_side,
                               int8_t *to)
{
    const int8_t *a = r.row[0], *b = r.row[1], *c = r.row[2], *d = r.row[3];
    const int32_t a_step = r.step[0], b_step = r.step[1], c_step = r.step[2], d_step = r.step[3];
    for (; count > 0; count--, to += COLUMN_BYTES) {
        int8x16x4_t woven;
        woven.val[0] = side_by_side ? vldrbq_s8(a) : vldrbq_gather_offset_s8(a, offset);
        woven.val[1] = side_by_side ? vldrbq_s8(b) : vldrbq_gather_offset_s8(b, offset);
        woven.val[2] = side_by_side ? vldrbq_s8(c) : vldrbq_gather_offset_s8(c, offset);
        woven.val[3] = side_by_side ? vldrbq_s8(d) : vldrbq_gather_offset_s8(d, offset);
        vst4q_s8(to, woven);
        a += a_step;
        b += b_step;
        c += c_step;
        d += d_step;
    }
    return to;
}

/* Which input channels the output channels of a group read, counted from that of the first. */
static uint8x16_t channels_of(const layer *l, const group *g)
{
    uint8_t offset[TOGETHER];
    const int32_t multiplier = l->multiplier;
    if (multiplier == 1) {
        return vminq_u8(vidupq_n_u8(0, 1), vdupq_n_u8((uint8_t)(g->channels - 1)));
    }
    int32_t left = multiplier - g->first % multiplier, channel = 0;
    for (int32_t i = 0; i < TOGETHER; i++) {
        offset[i] = (uint8_t)channel;
        left--;
        if (left == 0 && i + 1 < g->channels) {
            channel++;
            left = multiplier;
        }
    }
    return vldrbq_u8(offset);
}

/* How many columns, counted from the last, may not be read 16 bytes at a time. */
static inline int32_t unlike(const layer *l, const span *s, const group *g)
{
    if (l->multiplier > 1) {
        return s->inside;
    }
    /* These bytes might reach beyond the image. */
    const int32_t last = er_most((TOGETHER - 1) / l->w->in_c, 1);
    return g->channels == TOGETHER ? 0 : er_least(last, s->inside);
}

/* The columns of a span; `r` says where those in the image begin. */
ER_NEVER_INLINE void fill_plane(const layer *l, const span *s, const group *g, const rows *r,
                                int8_t *to)
{
    const int32_t gathered = unlike(l, s, g), side_by_side = s->inside - gathered;
    const int32_t channel = l->multiplier == 1 ? g->first : g->first / l->multiplier;
    to = fill_columns(s->before, l->zero, to);
    to = weave(rows_after(r, channel), side_by_side, vdupq_n_u8(0), 1, to);
    if (gathered > 0) {
        to = weave(rows_after(r, channel + side_by_side * l->w->in_c), gathered,
                   channels_of(l, g), 0, to);
    }
    fill_columns(s->after, l->zero, to);
}

/* `pixels` pixels of a row, of all channels; `top` is the row of their first taps. */
static void make_pixels(const layer *l, const int8_t *weights, const int8_t *image, int32_t top,
                        span s, int32_t pixels, int8_t *strip, int8_t *to)
{
    const er_window *w = l->w;
    int8_t outside[ER_BLOCK];
    vstrbq_s8(outside, vdupq_n_s8((int8_t)l->zero));
    rows r = rows_of(l, &s, image, top, w->kernel_h, outside);
    for (int32_t first = 0; first < w->out_c; first += TOGETHER) {
        const group g = {weights, first, er_least(w->out_c - first, TOGETHER)};
        if (l->blocks == 1) {
            fill_plane(l, &s, &g, &r, strip);
            make_channels(l, &g, strip, pixels, to + first);
        } else {
            int8_t *plane = strip;
            for (int32_t taps = 0; taps < w->kernel_h; taps += SIDE, plane += l->plane) {
                r = rows_of(l, &s, image, top + taps * w->dilation_h, w->kernel_h - taps, outside);
                fill_plane(l, &s, &g, &r, plane);
            }
            make_channels_of_blocks(l, &g, strip, pixels, to + first);
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
                     w->out_c / w->in_c,
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
