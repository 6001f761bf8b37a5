/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows below the kernel of a convolution, copied to a strip column by column: of each column
 * kernel_h runs of in_c elements. So what one output reads, its patch, lies side by side, and
 * patches of neighbours overlap where they share columns.
 */
#ifndef ER_STRIP_MVE_H
#define ER_STRIP_MVE_H

#include "er_mve.h"

enum { ER_LANES = 8 };

/* Pieces of a row: `bytes` each, `apart` from one to the next there, and `step` where they go. */
typedef struct {
    int32_t bytes, apart, step;
} er_cut;

/* `count` pieces (or, from NULL, as many of zeros). */
static int8_t *er_pieces(const int8_t *from, int32_t count, er_cut c, int32_t zero, int8_t *to)
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

/* Where the bytes of a column of rows lie, counted from the first: those of the first eight, and
 * then, maybe the same, of the last. No `use` where they are fewer, or more than sixteen. */
typedef struct {
    int use;
    uint16_t first[ER_LANES], last[ER_LANES];
} er_column_offsets;

static inline uint16_t er_column_offset(const er_window *w, int32_t place)
{
    const int32_t row = place / w->in_c;
    return (uint16_t)(row * w->dilation_h * w->in_w * w->in_c + place - row * w->in_c);
}

static er_column_offsets er_column_offsets_of(const er_window *w)
{
    const int32_t step = w->kernel_h * w->in_c;
    er_column_offsets o = {0, {0}, {0}};
    o.use = step >= ER_LANES && step <= 2 * ER_LANES && w->kernel_h > 1 &&
            step * w->dilation_h * w->in_w <= UINT16_MAX;
    for (int32_t i = 0; o.use && i < ER_LANES; i++) {
        o.first[i] = er_column_offset(w, i);
        o.last[i] = er_column_offset(w, step - ER_LANES + i);
    }
    return o;
}

/* `count` columns, `bytes` from one to the next in the image, and `step` where they go. */
static void er_gather_columns(const er_column_offsets *o, const int8_t *from, int32_t count, int32_t bytes,
                      int32_t step, int8_t *to)
{
    const uint16x8_t first = vldrhq_u16(o->first), last = vldrhq_u16(o->last);
    for (; count > 0; count--, from += bytes, to += step) {
        vstrbq_s16(to, vldrbq_gather_offset_s16(from, first));
        vstrbq_s16(to + step - ER_LANES, vldrbq_gather_offset_s16(from, last));
    }
}

/* Columns of the image, `apart` columns from one to the next; `step` bytes where they go. */
typedef struct {
    int32_t left, count, apart, step;
} er_columns;

/* How many of `count` columns lie left of column `end`. */
static inline int32_t er_columns_before(er_columns c, int32_t end)
{
    const int32_t before = (end - c.left + c.apart - 1) / c.apart;
    return end <= c.left ? 0 : er_least(before, c.count);
}

/* Columns of the rows from `top` on, gathered where `o` is not NULL and all rows are there. */
static void er_fill_columns(const er_conv_s8 *p, const er_column_offsets *o, const int8_t *input,
                            int32_t top, er_columns k, int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t bytes = w->in_c, zero = p->in_zero;
    const int32_t before = er_columns_before(k, 0);
    const int32_t inside = er_columns_before(k, w->in_w) - before;
    const int32_t after = k.count - before - inside;
    const int32_t start = (k.left + before * k.apart) * bytes;
    const int32_t bottom = top + (w->kernel_h - 1) * w->dilation_h;
    if (o != NULL && o->use && top >= 0 && bottom < w->in_h) {
        er_vector_run(NULL, before * k.step, zero, strip);
        strip += before * k.step;
        er_gather_columns(o, input + top * w->in_w * bytes + start, inside, bytes, k.step, strip);
        er_vector_run(NULL, after * k.step, zero, strip + inside * k.step);
        return;
    }
    const er_cut c = {bytes, k.apart * bytes, k.step};
    for (int32_t row = 0, y = top; row < w->kernel_h; row++, y += w->dilation_h) {
        int8_t *to = strip + row * bytes;
        if (y < 0 || y >= w->in_h) {
            er_pieces(NULL, k.count, c, zero, to);
            continue;
        }
        to = er_pieces(NULL, before, c, zero, to);
        to = er_pieces(input + y * w->in_w * bytes + start, inside, c, zero, to);
        er_pieces(NULL, after, c, zero, to);
    }
}

/* Whether the patches of neighbours have no columns in common, or not in the same order: each then
 * has a place of its own in the strip. */
static inline int er_are_apart(const er_window *w)
{
    return w->dilation_w > 1 || w->stride_w > w->kernel_w;
}

/* How many pixels of a row a strip serves. */
static int32_t er_strip_pixels(const er_window *w)
{
    const int32_t column = w->kernel_h * w->in_c;
    if (!er_are_apart(w)) {
        return er_pixels_of_strip(w, column);
    }
    const int32_t fit = ER_STRIP_BYTES / (w->kernel_w * column);
    return er_least(w->out_w, er_most(fit - fit % ER_PIXELS, ER_PIXELS));
}

/* What `pixels` pixels read whose first taps are at (top, left). */
static void er_fill_strip(const er_conv_s8 *p, const er_column_offsets *o, const int8_t *input,
                          int32_t top, int32_t left, int32_t pixels, int8_t *strip)
{
    const er_window *w = &p->window;
    const int32_t taps = w->kernel_w, column = w->kernel_h * w->in_c;
    if (!er_are_apart(w)) {
        const er_columns all = {left, (pixels - 1) * w->stride_w + taps, 1, column};
        er_fill_columns(p, o, input, top, all, strip);
        return;
    }
    for (int32_t tap = 0; tap < taps; tap++, left += w->dilation_w, strip += column) {
        const er_columns one_each = {left, pixels, w->stride_w, taps * column};
        er_fill_columns(p, NULL, input, top, one_each, strip);
    }
}

#endif
