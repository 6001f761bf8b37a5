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

enum { SIDE = 4, COLUMN_BYTES = ER_CHANNELS * SIDE };

typedef struct {
    const er_conv_s8 *p;
    er_outputs outputs;
    int32_t down, across; /* blocks */
    int32_t most;         /* pixels of a strip */
    int32_t plane;        /* bytes of a strip of four rows */
} layer;

/* What the strip holds. */
typedef struct {
    const layer *l;
    const er_outputs *outputs;
    const int8_t *weights;
    int32_t channels;
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
ER_ALWAYS_INLINE void one_block(const group *g, const int8_t *first, int32_t pitch, int32_t pixels,
                                int32_t *sums)
{
    const er_window *w = &g->l->p->window;
    const int8_t *weights = g->weights, *second = first + pitch, *third = second + pitch;
    uint32x4_t columns = columns_of(w->kernel_w, w->dilation_w);
    for (int32_t left = g->channels; left > 0; left -= 2, sums += 2, weights += 2 * ER_BLOCK) {
        const int8x16_t a = vldrbq_s8(weights), b = vldrbq_s8(weights + ER_BLOCK);
        const uint32x4_t next = vaddq_n_u32(columns, SIDE);
        sums[0] = vmladavq_s8(taps_at(first, columns), a);
        sums[1] = vmladavq_s8(taps_at(first, next), b);
        if (pixels > 1) {
            sums[ER_CHANNELS] = vmladavq_s8(taps_at(second, columns), a);
            sums[ER_CHANNELS + 1] = vmladavq_s8(taps_at(second, next), b);
        }
        if (pixels > 2) {
            sums[2 * ER_CHANNELS] = vmladavq_s8(taps_at(third, columns), a);
            sums[2 * ER_CHANNELS + 1] = vmladavq_s8(taps_at(third, next), b);
        }
        columns = vaddq_n_u32(next, SIDE);
    }
}

/* One pixel, for kernels of any number of blocks. */
static void several_blocks(const group *g, const int8_t *strip, int32_t *sums)
{
    const er_window *w = &g->l->p->window;
    const int8_t *weights = g->weights;
    for (int32_t channel = 0; channel < g->channels; channel++) {
        const int8_t *row = strip + channel * SIDE;
        int32_t sum = 0;
        for (int32_t i = 0; i < g->l->down; i++, row += g->l->plane) {
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

ER_NEVER_INLINE void multiply_3(const group *g, const int8_t *strip, int32_t pitch, int8_t *to)
{
    int32_t sums[3 * ER_CHANNELS];
    one_block(g, strip, pitch, 3, sums);
    er_put(g->outputs, sums, g->channels, 3, g->l->p->window.out_c, to);
}

ER_NEVER_INLINE void multiply_1(const group *g, const int8_t *strip, int8_t *to)
{
    int32_t sums[ER_CHANNELS];
    if (g->l->down * g->l->across == 1) {
        one_block(g, strip, 0, 1, sums);
    } else {
        several_blocks(g, strip, sums);
    }
    er_put(g->outputs, sums, g->channels, 1, 0, to);
}

static void multiply_row(const group *g, const int8_t *strip, int32_t pixels, int8_t *to)
{
    const er_window *w = &g->l->p->window;
    const int32_t pitch = w->stride_w * COLUMN_BYTES;
    if (g->l->down * g->l->across == 1) {
        for (; pixels >= 3; pixels -= 3, strip += 3 * pitch, to += 3 * w->out_c) {
            multiply_3(g, strip, pitch, to);
        }
    }
    for (; pixels > 0; pixels--, strip += pitch, to += w->out_c) {
        multiply_1(g, strip, to);
    }
}

static int8_t *fill_columns(int32_t count, int32_t zero, int8_t *to)
{
    const int8x16_t zeros = vdupq_n_s8((int8_t)zero);
    for (count *= SIDE; count > 0; count--, to += ER_BLOCK) {
        vstrbq_s8(to, zeros);
    }
    return to;
}

/* `count` columns of four rows, each going on by its step, of `channels` channels. */
static int8_t *weave(const int8_t *const row[SIDE], const int32_t step[SIDE], int32_t count,
                     int32_t channels, int8_t *to)
{
    const mve_pred16_t some = vctp8q((uint32_t)channels);
    const int8_t *a = row[0], *b = row[1], *c = row[2], *d = row[3];
    const int32_t a_step = step[0], b_step = step[1], c_step = step[2], d_step = step[3];
    for (; count > 0; count--, to += COLUMN_BYTES) {
        const int8x16x4_t woven = {{vldrbq_z_s8(a, some), vldrbq_z_s8(b, some),
                                    vldrbq_z_s8(c, some), vldrbq_z_s8(d, some)}};
        vst4q_s8(to, woven);
        a += a_step;
        b += b_step;
        c += c_step;
        d += d_step;
    }
    return to;
}

/* The columns from `left` on of four rows of taps, the first at row `y` of the image. */
static void fill_plane(const group *g, const int8_t *image, int32_t y, int32_t left,
                       int32_t columns, int32_t taps, int8_t *to)
{
    const er_conv_s8 *p = g->l->p;
    const er_window *w = &p->window;
    const int32_t before = er_least(er_most(-left, 0), columns);
    const int32_t inside = er_most(er_least(w->in_w - left, columns) - before, 0);
    const int8_t *row[SIDE];
    int32_t step[SIDE];
    int8_t zeros[ER_BLOCK];
    vstrbq_s8(zeros, vdupq_n_s8(p->in_zero));
    for (int32_t i = 0; i < SIDE; i++, y += w->dilation_h) {
        const int is_inside = i < taps && y >= 0 && y < w->in_h;
        row[i] = is_inside ? image + (y * w->in_w + left + before) * w->in_c : zeros;
        step[i] = is_inside ? w->in_c : 0;
    }
    to = fill_columns(before, p->in_zero, to);
    to = weave(row, step, inside, g->channels, to);
    fill_columns(columns - before - inside, p->in_zero, to);
}

/* One row of the outputs of a group. */
static void make_row(const group *g, const int8_t *image, int32_t top, int8_t *strip, int8_t *to)
{
    const layer *l = g->l;
    const er_window *w = &l->p->window;
    const int32_t reach = (w->kernel_w - 1) * w->dilation_w + 1;
    for (int32_t column = 0; column < w->out_w; column += l->most, to += l->most * w->out_c) {
        const int32_t pixels = er_least(w->out_w - column, l->most);
        const int32_t left = column * w->stride_w - w->pad_left;
        const int32_t columns = (pixels - 1) * w->stride_w + reach;
        int8_t *plane = strip;
        for (int32_t taps = 0; taps < w->kernel_h; taps += SIDE, plane += l->plane) {
            fill_plane(g, image, top + taps * w->dilation_h, left, columns, w->kernel_h - taps,
                       plane);
        }
        multiply_row(g, strip, pixels, to);
    }
}

void er_depthwise_s8_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t down = (w->kernel_h + SIDE - 1) / SIDE, across = (w->kernel_w + SIDE - 1) / SIDE;
    const int32_t most = er_pixels_of_strip(w, down * COLUMN_BYTES);
    const int32_t columns = (most - 1) * w->stride_w + (w->kernel_w - 1) * w->dilation_w + 1;
    const layer l = {p, {p->bias, p->mantissa, p->shift, 4, p->out_zero, p->act_min, p->act_max,
                         er_how_of(p->shift, w->out_c)},
                     down, across, most, columns * COLUMN_BYTES};
    er_outputs outputs = l.outputs;
    const int8_t *weights = p->weights;
    for (int32_t first = 0; first < w->in_c; first += ER_CHANNELS) {
        const group g = {&l, &outputs, weights, er_least(w->in_c - first, ER_CHANNELS)};
        int32_t top = -w->pad_top;
        for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
            make_row(&g, input + first, top, scratch,
                     output + row * w->out_w * w->out_c + first);
        }
        outputs = er_outputs_after(outputs, ER_CHANNELS);
        weights += ER_CHANNELS * down * across * ER_BLOCK;
    }
}
