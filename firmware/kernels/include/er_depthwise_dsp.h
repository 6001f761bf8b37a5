/* SPDX-License-Identifier: Apache-2.0
 *
 * Depthwise convolution of int8 for the DSP extension, whatever its weights are stored as. Channel
 * by channel: the rows that one row of outputs reads stand in `scratch` as int16, padding included,
 * in a ring of as many rows as the kernel spans. A row is copied there before any output is written
 * over it, so the output may lie on the input.
 *
 * Weights are OHW; the input's zero point is folded into the bias. A kernel defines, before it
 * includes this, `weights_of`: those of one channel as int8, in `room` behind the ring if need be.
 */
#ifndef ER_DEPTHWISE_DSP_H
#define ER_DEPTHWISE_DSP_H

#include "er_attributes.h"
#include "er_depthwise_pairs_dsp.h"
#include "er_dsp.h"
#include "er_kernels.h"

/* One channel of one call. */
typedef struct {
    const er_window *window;
    const int8_t *input;
    int16_t *ring;
    int32_t width, height; /* of the ring: elements a row (even), rows */
    int32_t used;          /* elements of an image row that are read */
    const int8_t *weights;
    int32_t zero, bias;
    er_scaling scaling;
    er_range_s8 range;
} plane;

/* Writes an even number of elements. */
static void fill(int16_t *to, int32_t count, int32_t value)
{
    const er_pair both = er_pack(value, value);
    for (; count > 0; count -= 2, to += 2) {
        er_store(to, both);
    }
}

/* Copies elements `step` apart. */
ER_NEVER_INLINE void copy(const int8_t *from, int32_t step, int32_t count, int16_t *to)
{
    for (; count >= 4; count -= 4, from += 4 * step, to += 4) {
        er_store(to, er_pack(from[0], from[step]));
        er_store(to + 2, er_pack(from[2 * step], from[3 * step]));
    }
    for (; count > 0; count--, from += step, to++) {
        *to = *from;
    }
}

/* Brings row `y` of the padded image to a row of the ring. */
static void load_row(const plane *c, int32_t y, int16_t *to)
{
    const er_window *w = c->window;
    y -= w->pad_top;
    if (y >= 0 && y < w->in_h) {
        copy(c->input + y * w->in_w * w->in_c, w->in_c, c->used, to + w->pad_left);
    } else {
        fill(to, c->width, c->zero);
    }
}

/* The row of the ring that is `steps` below `slot`. */
static inline int32_t below(const plane *c, int32_t slot, int32_t steps)
{
    slot += steps;
    while (slot >= c->height) {
        slot -= c->height;
    }
    return slot;
}

/* One row of outputs, any kernel, whose first row of inputs is in `slot`. */
ER_NEVER_INLINE void any_row(const plane *c, int32_t slot, int8_t *output)
{
    const er_window *w = c->window;
    for (int32_t x = 0; x < w->out_w; x++, output += w->out_c) {
        const int8_t *weights = c->weights;
        int32_t sum = c->bias, row = slot;
        for (int32_t i = 0; i < w->kernel_h; i++) {
            const int16_t *line = c->ring + row * c->width + x * w->stride_w;
            for (int32_t j = 0; j < w->kernel_w; j++, line += w->dilation_w) {
                sum = er_wrapping_add(sum, *line * *weights++);
            }
            row = below(c, row, w->dilation_h);
        }
        *output = er_scale(c->range, c->scaling, sum);
    }
}

ER_NEVER_INLINE void run_any(const plane *c, int8_t *output)
{
    const er_window *w = c->window;
    int32_t next = 0, slot_of_next = 0, first = 0, slot = 0;
    for (int32_t row = 0; row < w->out_h; row++, output += w->out_w * w->out_c) {
        for (; next < first + c->height; next++) {
            load_row(c, next, c->ring + slot_of_next * c->width);
            slot_of_next = below(c, slot_of_next, 1);
        }
        any_row(c, slot, output);
        first += w->stride_h;
        slot = below(c, slot, w->stride_h);
    }
}

#if defined(__arm__)
/* One row of outputs of a 3 x 3 kernel, two at a time. The assembly knows the offsets of these
 * fields. */
typedef struct {
    int16_t *rows[3];           /* 0 */
    er_pair first[3];           /* 12: of each row of weights, the first two */
    er_pair last[3];            /* 24: the last two */
    int8_t *to;                 /* 36 */
    int32_t bias;               /* 40 */
    int32_t twice_mantissa;     /* 44 */
    int32_t twice_zero_and_one; /* 48 */
    int32_t count, step;        /* 52, 56: how many outputs, and from one to the next */
    int32_t halved;             /* 60 */
} row_job;

#define ROW_3X3(stride)                                                                            \
    "push {r4-r11, lr}\n\t"                                                                        \
    "add r12, r0, #40\n\t"                                                                         \
    "ldm r12, {r4-r9}\n\t"                                                                         \
    "push {r4-r9}\n\t"                                                                             \
    "ldr lr, [r0, #36]\n\t"                                                                        \
    "add r12, r0, #12\n\t"                                                                         \
    "ldm r12, {r4-r9}\n\t"                                                                         \
    "ldm r0, {r0, r1, r2}\n"                                                                       \
    PAIRS(stride, SCALE_TWICE)                                                                     \
    "add sp, sp, #24\n\t"                                                                          \
    "pop {r4-r11, pc}\n"

static __attribute__((naked, noinline)) void row_1(__attribute__((unused)) const row_job *job)
{
    __asm__(ROW_3X3(STRIDE_1));
}

static __attribute__((naked, noinline)) void row_2(__attribute__((unused)) const row_job *job)
{
    __asm__(ROW_3X3(STRIDE_2));
}

typedef void row_kernel(const row_job *job);

/* Whether run_3x3 serves. */
static int is_3x3(const plane *c)
{
    const er_window *w = c->window;
    return w->kernel_h == 3 && w->kernel_w == 3 && w->dilation_h == 1 && w->dilation_w == 1 &&
           w->stride_w <= 2 && er_is_quick(c->scaling.shift);
}

ER_NEVER_INLINE void clamp(er_range_s8 range, int32_t step, int32_t count, int8_t *values)
{
    for (; count > 0; count--, values += step) {
        *values = (int8_t)er_clamp(range, *values);
    }
}

ER_NEVER_INLINE void run_3x3(const plane *c, int8_t *output)
{
    const er_window *w = c->window;
    const int32_t count = w->out_w, step = w->out_c, line = w->in_w * w->in_c;
    const int32_t advance = w->stride_h;
    const int is_partial = er_is_partial(c->range);
    row_kernel *const kernel = w->stride_w == 1 ? row_1 : row_2;
    const int8_t *const v = c->weights;
    row_job job = {.rows = {c->ring, c->ring + c->width, c->ring + 2 * c->width},
                   .first = {er_pack(v[0], v[1]), er_pack(v[3], v[4]), er_pack(v[6], v[7])},
                   .last = {er_pack(v[1], v[2]), er_pack(v[4], v[5]), er_pack(v[7], v[8])},
                   .bias = c->bias,
                   .twice_mantissa = c->scaling.twice_mantissa,
                   .twice_zero_and_one = c->range.twice_zero_and_one,
                   .count = count,
                   .step = step,
                   .halved = c->scaling.halved};
    int32_t y = -w->pad_top, fresh = 3;
    const int8_t *input = c->input + y * line;
    for (int32_t row = w->out_h; row > 0; row--, output += count * step) {
        for (; fresh > 0; fresh--, y++, input += line) {
            int16_t *oldest = job.rows[0];
            job.rows[0] = job.rows[1];
            job.rows[1] = job.rows[2];
            job.rows[2] = oldest;
            if (y >= 0 && y < w->in_h) {
                copy(input, w->in_c, c->used, oldest + w->pad_left);
            } else {
                fill(oldest, c->width, c->zero);
            }
        }
        job.to = output;
        kernel(&job);
        if (is_partial) {
            clamp(c->range, step, count, output);
        }
        fresh = advance;
    }
}
#else
static int is_3x3(const plane *c)
{
    (void)c;
    return 0;
}

static void run_3x3(const plane *c, int8_t *output)
{
    (void)c;
    (void)output;
}
#endif

ER_ALWAYS_INLINE void convolve(const er_conv_s8 *p, const int8_t *input, int8_t *output,
                               void *scratch)
{
    const er_window *w = &p->window;
    /* An even number of outputs a row, and of elements. */
    const int32_t last = ((w->out_w + 1) / 2 * 2 - 1) * w->stride_w;
    const int32_t width = (last + (w->kernel_w - 1) * w->dilation_w + 2) / 2 * 2;
    const int32_t visible = width - w->pad_left;
    plane c = {.window = w,
               .ring = scratch,
               .width = width,
               .height = (w->kernel_h - 1) * w->dilation_h + 1,
               .used = w->in_w < visible ? w->in_w : visible,
               .zero = p->in_zero,
               .range = er_range_of(p->out_zero, p->act_min, p->act_max)};
    const int32_t taps = w->kernel_h * w->kernel_w;
    int8_t *room = (int8_t *)(c.ring + c.height * width);
    fill(c.ring, c.height * width, c.zero);
    for (int32_t i = 0; i < w->out_c; i++) {
        c.weights = weights_of(p->weights, i, taps, room);
        c.input = input + i;
        c.bias = p->bias[i];
        c.scaling = er_scaling_of(p->mantissa[i], p->shift[i]);
        if (is_3x3(&c)) {
            run_3x3(&c, output + i);
        } else {
            run_any(&c, output + i);
        }
    }
}

#endif
