/* SPDX-License-Identifier: Apache-2.0
 *
 * Channel by channel: a strip of rows stands in `scratch` as int16, and meets the kernel two outputs
 * at a time. Rows follow each other `pitch` elements apart, zeros before them: those of one row are
 * the zeros behind the row before. A row is copied there before any output is written over it, so
 * the output may lie on the input.
 *
 * Weights are OHW; the input's zero point is folded into the bias, and stands outside the image.
 */
#include "er_attributes.h"
#include "er_depthwise_pairs_dsp.h"
#include "er_dsp.h"
#include "er_kernels.h"
#include "er_patch.h"

enum { KERNEL = 3, STRIP_ELEMENTS = 384, FEWEST_ROWS = 2, SLACK = 6 };

/* How rows of one channel become rows of the strip: offsets in elements of each side. */
typedef struct {
    int32_t step, used;         /* from element to element; how many of a row are read */
    int32_t from_next, to_next; /* from the end of a row to the next */
} expansion;

/* What is made of a strip. The assembly knows the order of the fields. */
typedef struct {
    const int16_t *rows;
    int32_t pitch; /* in bytes */
    er_pair first[KERNEL]; /* of each row of weights, the first two */
    er_pair last[KERNEL];  /* the last two */
    int8_t *to;
    int32_t bias, mantissa;    /* twice_mantissa, but of the straight way */
    int32_t zero_term;         /* twice_zero_and_one, or er_straight_zero of it */
    int32_t left, step;        /* outputs of a row, and from one to the next */
    int32_t halved;
    int32_t count, out_rows;   /* outputs of a row again; rows */
    int32_t next_row, next_to; /* from where a row ends to the next, in bytes */
} strip_job;

#if defined(__arm__)
static __attribute__((naked, noinline)) void expand(__attribute__((unused)) const int8_t *from,
                                                    __attribute__((unused)) int16_t *to,
                                                    __attribute__((unused)) int32_t rows,
                                                    __attribute__((unused)) const expansion *e)
{
    __asm__("push {r4-r10, lr}\n\t"
            "ldm r3, {r4-r7}\n\t"
            "lsls r7, r7, #1\n\t"
            "add r10, r4, r4, lsl #1\n"
            "1:\n\t"
            "subs r8, r5, #4\n\t"
            "blt 3f\n"
            "2:\n\t"
            "ldrsb r3, [r0]\n\t"
            "ldrsb r12, [r0, r4]\n\t"
            "ldrsb lr, [r0, r4, lsl #1]\n\t"
            "ldrsb r9, [r0, r10]\n\t"
            "add r0, r0, r4, lsl #2\n\t"
            "pkhbt r3, r3, r12, lsl #16\n\t"
            "pkhbt lr, lr, r9, lsl #16\n\t"
            "str lr, [r1, #4]\n\t"
            "str r3, [r1], #8\n\t"
            "subs r8, r8, #4\n\t"
            "bge 2b\n"
            "3:\n\t"
            "adds r8, r8, #4\n\t"
            "beq 5f\n"
            "4:\n\t"
            "ldrsb r12, [r0]\n\t"
            "add r0, r0, r4\n\t"
            "strh r12, [r1], #2\n\t"
            "subs r8, r8, #1\n\t"
            "bne 4b\n"
            "5:\n\t"
            "add r0, r0, r6\n\t"
            "add r1, r1, r7\n\t"
            "subs r2, r2, #1\n\t"
            "bne 1b\n\t"
            "pop {r4-r10, pc}\n");
}

/* The stack of PAIRS, then: 24 count, 28 out_rows, 32 next_row, 36 next_to. */
#define STRIP(stride, scale)                                                                       \
    "push {r4-r11, lr}\n\t"                                                                        \
    "add r12, r0, #36\n\t"                                                                         \
    "ldm r12, {r1-r10}\n\t"                                                                        \
    "push {r1-r10}\n\t"                                                                            \
    "ldr lr, [r0, #32]\n\t"                                                                        \
    "ldr r12, [r0, #4]\n\t"                                                                        \
    "add r3, r0, #8\n\t"                                                                           \
    "ldm r3, {r4-r9}\n\t"                                                                          \
    "ldr r0, [r0]\n\t"                                                                             \
    "add r1, r0, r12\n\t"                                                                          \
    "add r2, r1, r12\n"                                                                            \
    PAIRS(stride, scale)                                                                           \
    "ldrd r10, r11, [sp, #24]\n\t"                                                                 \
    "ldrd r3, r12, [sp, #32]\n\t"                                                                  \
    "str r10, [sp, #12]\n\t"                                                                       \
    "add r0, r0, r3\n\t"                                                                           \
    "add r1, r1, r3\n\t"                                                                           \
    "add r2, r2, r3\n\t"                                                                           \
    "add lr, lr, r12\n\t"                                                                          \
    "subs r11, r11, #1\n\t"                                                                        \
    "str r11, [sp, #28]\n\t"                                                                       \
    "bne 1b\n\t"                                                                                   \
    "add sp, sp, #40\n\t"                                                                          \
    "pop {r4-r11, pc}\n"

static __attribute__((naked, noinline)) void strip_1_twice(__attribute__((unused))
                                                                  const strip_job *job)
{
    __asm__(STRIP(STRIDE_1, SCALE_TWICE));
}

static __attribute__((naked, noinline)) void strip_1_straight(__attribute__((unused))
                                                                     const strip_job *job)
{
    __asm__(STRIP(STRIDE_1, SCALE_STRAIGHT));
}

static __attribute__((naked, noinline)) void strip_2_twice(__attribute__((unused))
                                                                  const strip_job *job)
{
    __asm__(STRIP(STRIDE_2, SCALE_TWICE));
}

static __attribute__((naked, noinline)) void strip_2_straight(__attribute__((unused))
                                                                     const strip_job *job)
{
    __asm__(STRIP(STRIDE_2, SCALE_STRAIGHT));
}
#else
static void expand(const int8_t *from, int16_t *to, int32_t rows, const expansion *e)
{
    for (; rows > 0; rows--, from += e->from_next, to += e->to_next) {
        for (int32_t i = 0; i < e->used; i++, from += e->step) {
            *to++ = *from;
        }
    }
}

static void make_strip(const strip_job *job, int32_t stride, int is_straight)
{
    const er_scaling scaling = {job->mantissa, ~job->halved, job->halved};
    const int16_t *row = job->rows;
    int8_t *to = job->to;
    for (int32_t i = 0; i < job->out_rows; i++) {
        for (int32_t left = job->count; left > 0; left -= 2, row += 2 * stride) {
            for (int32_t k = 0; k < er_least(left, 2); k++, to += job->step) {
                int32_t sum = job->bias;
                for (int32_t tap = 0; tap < KERNEL; tap++) {
                    const int16_t *x = row + k * stride + tap * job->pitch / 2;
                    sum = er_mac(er_load(x), job->first[tap], sum);
                    sum = __smlabt(x[2], (int32_t)job->last[tap], sum);
                }
                *to = (int8_t)(is_straight ? er_scale_straight(sum, job->mantissa, job->zero_term)
                                           : er_scale_quickly(sum, scaling, job->zero_term));
            }
        }
        row += job->next_row / 2;
    }
}

static void strip_1_twice(const strip_job *job)
{
    make_strip(job, 1, 0);
}

static void strip_1_straight(const strip_job *job)
{
    make_strip(job, 1, 1);
}

static void strip_2_twice(const strip_job *job)
{
    make_strip(job, 2, 0);
}

static void strip_2_straight(const strip_job *job)
{
    make_strip(job, 2, 1);
}
#endif

/* Whether the outputs of a layer lie on a line. */
static inline int is_straight(const er_conv_s8 *p)
{
    return ER_DEPTHWISE_STRAIGHT && (!ER_DEPTHWISE_OTHER || p->shift == NULL);
}

typedef void strip(const strip_job *job);

/* What all channels share. */
typedef struct {
    const er_window *window;
    expansion expansion;
    int16_t *strip;
    int32_t pitch;
    int32_t rows;  /* of outputs that a strip makes */
    er_pair zeros; /* two input zero points */
    strip *make;
} shape;

static strip *strip_of(const er_conv_s8 *p)
{
    if (is_straight(p)) {
        return p->window.stride_w == 1 ? strip_1_straight : strip_2_straight;
    }
    return p->window.stride_w == 1 ? strip_1_twice : strip_2_twice;
}

/* Fills with pairs. */
ER_SMALL void fill(int16_t *to, int32_t count, er_pair zeros)
{
    for (; count > 0; count -= 2, to += 2) {
        er_store(to, zeros);
    }
}

/* Brings rows from `y` of the padded image on to the strip. */
ER_SMALL void load_rows(const shape *s, const int8_t *input, int32_t y, int32_t count, int16_t *to)
{
    const er_window *w = s->window;
    const int32_t inside = er_least(y + count, w->in_h) - er_most(y, 0);
    for (; y < 0 && count > 0; y++, count--, to += s->pitch) {
        fill(to, s->pitch, s->zeros);
    }
    if (inside > 0) {
        expand(input + y * w->in_w * w->in_c, to + w->pad_left, inside, &s->expansion);
        count -= inside;
        to += inside * s->pitch;
    }
    fill(to, count * s->pitch, s->zeros);
}

/* Moves rows to the front of the strip. */
ER_NEVER_INLINE void keep_rows(int16_t *to, const int16_t *from, int32_t count)
{
    ER_ROLLED_ALWAYS
    for (; count > 0; count -= 2, to += 2, from += 2) {
        er_store(to, er_load(from));
    }
}

ER_SMALL void clamp(er_range_s8 range, int32_t step, int32_t count, int8_t *values)
{
    for (; count > 0; count--, values += step) {
        *values = (int8_t)er_clamp(range, *values);
    }
}

/* One channel. */
ER_SMALL void run(const shape *s, strip_job *job, er_range_s8 range, const int8_t *input)
{
    const er_window *w = s->window;
    const int32_t kept = er_most(0, KERNEL - w->stride_h), on = s->rows * w->stride_h;
    int32_t y = -w->pad_top, already = 0;
    for (int32_t left = w->out_h; left > 0; left -= s->rows, y += on) {
        job->out_rows = er_least(left, s->rows);
        const int32_t needed = (job->out_rows - 1) * w->stride_h + KERNEL;
        load_rows(s, input, y + already, needed - already, s->strip + already * s->pitch);
        s->make(job);
        if (er_is_partial(range)) {
            clamp(range, job->step, job->out_rows * w->out_w, job->to);
        }
        if (left > s->rows) {
            keep_rows(s->strip, s->strip + on * s->pitch, kept * s->pitch);
        }
        already = kept;
        job->to += s->rows * w->out_w * job->step;
    }
}

/* How many rows of outputs a strip makes; edge_runtime/kernels/geometry.py says the same. */
static int32_t strip_rows(const er_window *w, int32_t pitch)
{
    const int32_t held = STRIP_ELEMENTS / pitch;
    const int32_t rows = held < KERNEL ? 0 : (held - KERNEL) / w->stride_h + 1;
    return er_least(w->out_h, er_most(rows, FEWEST_ROWS));
}

void er_depthwise_3x3_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output,
                             void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->in_c, multiplier = w->out_c / depth;
    const int32_t step = w->out_c, even = (w->out_w + 1) / 2 * 2;
    const int32_t needed = (w->out_w - 1) * w->stride_w + KERNEL - w->pad_left;
    const int32_t used = er_least(w->in_w, needed);
    const int32_t pitch = (er_most(needed, w->pad_left + used) + 1) / 2 * 2;
    const er_range_s8 range = er_range_of(p->out_zero, p->act_min, p->act_max);
    const int straight = is_straight(p);
    const int32_t whole = straight ? 256 : 1; /* of the straight way, sums have a fraction */
    const shape s = {.window = w,
                     .expansion = {depth, used, (w->in_w - used) * depth, pitch - used},
                     .strip = scratch,
                     .pitch = pitch,
                     .rows = strip_rows(w, pitch),
                     .zeros = er_pack(p->in_zero, p->in_zero),
                     .make = strip_of(p)};
    strip_job job = {.rows = scratch,
                     .pitch = 2 * pitch,
                     .zero_term = straight ? er_straight_zero(range.twice_zero_and_one)
                                           : range.twice_zero_and_one,
                     .left = w->out_w,
                     .step = step,
                     .count = w->out_w,
                     .next_row = 2 * (w->stride_h * pitch - even * w->stride_w),
                     .next_to = (w->out_w - even) * step};
    const int8_t *v = p->weights;
    fill(scratch, ((s.rows - 1) * w->stride_h + KERNEL) * pitch + SLACK, s.zeros);
    for (int32_t i = 0; i < step; i++) {
        for (int32_t tap = 0; tap < KERNEL; tap++, v += KERNEL) {
            job.first[tap] = er_pack(v[0] * whole, v[1] * whole);
            job.last[tap] = er_pack(v[1] * whole, v[2] * whole);
        }
        job.bias = p->bias[i];
        job.mantissa = straight ? p->mantissa[i] : er_shift_left(p->mantissa[i], 1);
        job.halved = straight ? 0 : ~p->shift[i];
        job.to = output + i;
        run(&s, &job, range, input + i / multiplier);
    }
}
