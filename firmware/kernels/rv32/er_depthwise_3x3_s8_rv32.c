/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution with up to 3 x 3 taps, channel by channel: a strip of rows is copied to
 * `scratch`, where rows follow each other `pitch` bytes apart, zeros before them: those of one row
 * are the zeros behind the row before. A row is copied before any output is written over it, so the
 * output may lie on the input. The nine weights stay in registers, and each column of three inputs
 * is loaded once, for the sums of all outputs that it is a part of.
 *
 * Weights are OHW, 3 x 3 of them, zeros standing for those that a smaller kernel lacks. The input's
 * zero point is folded into the bias, and stands outside the image.
 */
#include "er_attributes.h"
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_patch.h"
#include "er_rv32.h"

enum { KERNEL = 3, TAPS = KERNEL * KERNEL, STRIP_ELEMENTS = 384, FEWEST_ROWS = 2, SLACK = 6 };

/* What all channels share. */
typedef struct {
    const er_window *window;
    er_bounds bounds;
    int8_t *strip;
    int32_t pitch, used; /* of a row: bytes in the strip, elements of the image that are read */
    int32_t rows;        /* of outputs that a strip makes */
    int32_t zero;
} shape;

/* One channel. */
typedef struct {
    const int8_t *weights;
    int32_t bias;
    er_factor factor;
    int8_t *to;
    int32_t rows;
} strip_job;

/* A column of inputs. */
typedef struct {
    const int8_t *top, *middle, *bottom;
    int32_t a, b, c;
} cursor;

ER_ALWAYS_INLINE void load_column(cursor *at)
{
    at->a = *at->top++;
    at->b = *at->middle++;
    at->c = *at->bottom++;
}

ER_ALWAYS_INLINE uint32_t column_by(const cursor *at, int32_t top, int32_t middle, int32_t bottom)
{
    return (uint32_t)(at->a * top) + (uint32_t)(at->b * middle) + (uint32_t)(at->c * bottom);
}

ER_ALWAYS_INLINE void make_rows(const shape *s, const strip_job *job, int32_t stride)
{
    const er_window *w = s->window;
    const int8_t *v = job->weights, *row = s->strip;
    const int32_t v0 = v[0], v1 = v[1], v2 = v[2], v3 = v[3], v4 = v[4], v5 = v[5], v6 = v[6],
                  v7 = v[7], v8 = v[8];
    const uint32_t bias = (uint32_t)job->bias;
    int8_t *to = job->to;
    for (int32_t rows = job->rows; rows > 0; rows--, row += w->stride_h * s->pitch) {
        cursor at = {.top = row, .middle = row + s->pitch, .bottom = row + 2 * s->pitch};
        load_column(&at);
        uint32_t sum = bias + column_by(&at, v0, v3, v6), next = 0;
        if (stride == 1) {
            load_column(&at);
            sum += column_by(&at, v1, v4, v7);
            next = bias + column_by(&at, v0, v3, v6);
        }
        ER_ROLLED_ALWAYS
        for (int32_t left = w->out_w; left > 0; left--, to += w->out_c) {
            if (stride == 2) {
                load_column(&at);
                sum += column_by(&at, v1, v4, v7);
            }
            load_column(&at);
            const int32_t made = (int32_t)(sum + column_by(&at, v2, v5, v8));
            if (stride == 1) {
                sum = next + column_by(&at, v1, v4, v7);
                next = bias + column_by(&at, v0, v3, v6);
            } else {
                sum = bias + column_by(&at, v0, v3, v6);
            }
            *to = er_scale(made, job->factor, s->bounds);
        }
    }
}

ER_NEVER_INLINE void make_rows_1(const shape *s, const strip_job *job)
{
    make_rows(s, job, 1);
}

ER_NEVER_INLINE void make_rows_2(const shape *s, const strip_job *job)
{
    make_rows(s, job, 2);
}

/* Brings rows from `y` of the padded image on to the strip. */
ER_NEVER_INLINE void load_rows(const shape *s, const int8_t *input, int32_t y, int32_t count,
                               int8_t *to)
{
    const er_window *w = s->window;
    const int32_t step = w->in_c;
    for (; count > 0; count--, y++, to += s->pitch) {
        if (y < 0 || y >= w->in_h) {
            er_copy_run(NULL, s->pitch, s->zero, to);
            continue;
        }
        const int8_t *from = input + y * w->in_w * step;
        int8_t *at = to + w->pad_left, *end = at + s->used;
        for (; at != end; at++, from += step) {
            *at = *from;
        }
    }
}

static void make_channel(const shape *s, strip_job *job, const int8_t *input)
{
    const er_window *w = s->window;
    const int32_t kept = er_most(0, KERNEL - w->stride_h), on = s->rows * w->stride_h;
    int32_t y = -w->pad_top, already = 0;
    for (int32_t left = w->out_h; left > 0; left -= s->rows, y += on) {
        job->rows = er_least(left, s->rows);
        const int32_t needed = (job->rows - 1) * w->stride_h + KERNEL;
        load_rows(s, input, y + already, needed - already, s->strip + already * s->pitch);
        (w->stride_w == 1 ? make_rows_1 : make_rows_2)(s, job);
        if (left > s->rows) {
            er_copy_run(s->strip + on * s->pitch, kept * s->pitch, 0, s->strip);
        }
        already = kept;
        job->to += s->rows * w->out_w * w->out_c;
    }
}

/* How many rows of outputs a strip makes; edge_runtime/kernels/geometry.py says the same. */
static int32_t strip_rows(const er_window *w, int32_t pitch)
{
    const int32_t held = STRIP_ELEMENTS / pitch;
    const int32_t rows = held < KERNEL ? 0 : (held - KERNEL) / w->stride_h + 1;
    return er_least(w->out_h, er_most(rows, FEWEST_ROWS));
}

void er_depthwise_3x3_s8_rv32(const er_conv_s8 *p, const int8_t *input, int8_t *output,
                              void *scratch)
{
    const er_window *w = &p->window;
    const int32_t multiplier = w->out_c / w->in_c;
    const int32_t needed = (w->out_w - 1) * w->stride_w + KERNEL - w->pad_left;
    const int32_t used = er_least(w->in_w, needed);
    const int32_t pitch = (er_most(needed, w->pad_left + used) + 1) / 2 * 2;
    const shape s = {.window = w,
                     .bounds = {2 * p->out_zero + 1, p->act_min, p->act_max},
                     .strip = scratch,
                     .pitch = pitch,
                     .used = used,
                     .rows = strip_rows(w, pitch),
                     .zero = p->in_zero};
    strip_job job = {.weights = p->weights};
    er_copy_run(NULL, ((s.rows - 1) * w->stride_h + KERNEL) * pitch + SLACK, s.zero, scratch);
    for (int32_t i = 0; i < w->out_c; i++, job.weights += TAPS) {
        job.bias = p->bias[i];
        job.factor = er_factor_of(p->mantissa[i], p->shift[i]);
        job.to = output + i;
        make_channel(&s, &job, input + i / multiplier);
    }
}
