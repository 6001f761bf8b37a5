/* SPDX-License-Identifier: Apache-2.0
 *
 * Two input channels at a time: strips of rows of both stand in `scratch` as int16, one behind the
 * other, and each meets the kernels of its channels. Rows follow each other `pitch` elements apart,
 * zeros before them: those of one row are the zeros behind the row before. A row is copied there
 * before any output is written over it, so the output may lie on the input. An odd last channel is
 * brought together with the one before, which is done already.
 *
 * Weights are OHW; the input's zero point is folded into the bias, and stands outside the image.
 */
#include "er_attributes.h"
#include "er_dsp.h"
#include "er_kernels.h"
#include "er_patch.h"

enum { KERNEL = 3, STRIP_ELEMENTS = 240, FEWEST_ROWS = 2, SLACK = 6, STRIPS = 2 };

/* How rows of two channels become rows of the strips: offsets in elements of each side. The assembly
 * knows the order of the fields. */
typedef struct {
    int32_t step, used;         /* from element to element; how many of a row are read */
    int32_t from_next, to_next; /* from the end of a row to the next */
    int32_t apart;              /* from strip to strip */
} expansion;

/* What is made of a strip. The assembly knows the order of the fields. */
typedef struct {
    const int16_t *rows;
    int8_t *to;
    er_pair first[KERNEL]; /* of each row of weights, the first two */
    er_pair last[KERNEL];  /* the last two */
    int32_t next_to, out_rows;
    int32_t next_row; /* from where a row ends to the next, in bytes; next_to likewise */
    int32_t length;   /* twice: of pairs in bytes, plus a word, less 1 if one more output follows;
                       * plus 1 of an odd number of pairs */
    int32_t pitch;    /* in bytes */
    int32_t end;      /* of a row; room */
    int32_t bias, mantissa; /* twice_mantissa, but of the straight way */
    int32_t step;           /* from output to output */
    int32_t zero_term;      /* twice_zero_and_one; the straight way has it in the bias */
    int32_t halved;
} strip_job;

#if defined(__arm__)
/* Bytes of two channels and two pixels in `low`, `high` being those of the second, become pairs of
 * the first channel in `low`, of the second in `high`. */
#define APART(low, high)                                                                           \
    "pkhbt " low ", " low ", " high ", lsl #16\n\t"                                                \
    "sxtb16 " high ", " low ", ror #8\n\t"                                                         \
    "sxtb16 " low ", " low "\n\t"

/* r0 from, r1 and r10 to, r2 rows left, r4 step, r11 three steps, r5 used, r6 and r7 to the next
 * row, r8 how many are left of a row. */
static __attribute__((naked, noinline)) void expand(__attribute__((unused)) const int8_t *from,
                                                    __attribute__((unused)) int16_t *to,
                                                    __attribute__((unused)) int32_t rows,
                                                    __attribute__((unused)) const expansion *e)
{
    __asm__("push {r4-r11, lr}\n\t"
            "ldm r3, {r4-r8}\n\t"
            "lsls r7, r7, #1\n\t"
            "add r10, r1, r8, lsl #1\n\t"
            "add r11, r4, r4, lsl #1\n"
            "1:\n\t"
            "subs r8, r5, #4\n\t"
            "blt 3f\n"
            "2:\n\t"
            "ldrh r3, [r0]\n\t"
            "ldrh r12, [r0, r4]\n\t"
            "ldrh lr, [r0, r4, lsl #1]\n\t"
            "ldrh r9, [r0, r11]\n\t"
            "add r0, r0, r4, lsl #2\n\t"
            APART("r3", "r12") APART("lr", "r9")
            "str lr, [r1, #4]\n\t"
            "str r3, [r1], #8\n\t"
            "str r9, [r10, #4]\n\t"
            "str r12, [r10], #8\n\t"
            "subs r8, r8, #4\n\t"
            "bge 2b\n"
            "3:\n\t"
            "lsls r8, r8, #31\n\t" /* carry: two are left; negative: one, then */
            "bcc 4f\n\t"
            "ldrh r3, [r0]\n\t"
            "ldrh r12, [r0, r4]\n\t"
            "add r0, r0, r4, lsl #1\n\t"
            APART("r3", "r12")
            "str r3, [r1], #4\n\t"
            "str r12, [r10], #4\n"
            "4:\n\t"
            "bpl 5f\n\t"
            "ldrh r3, [r0]\n\t"
            "add r0, r0, r4\n\t"
            "sxtb r12, r3, ror #8\n\t"
            "sxtb r3, r3\n\t"
            "strh r3, [r1], #2\n\t"
            "strh r12, [r10], #2\n"
            "5:\n\t"
            "add r0, r0, r6\n\t"
            "add r1, r1, r7\n\t"
            "add r10, r10, r7\n\t"
            "subs r2, r2, #1\n\t"
            "bne 1b\n\t"
            "pop {r4-r11, pc}\n");
}

/* Registers of a strip: r0 the words that come next; r1, r2, r3 the words at hand, of three rows;
 * weights, of each row the first two in r4, r5, r6 and the last two in r7, r8, r9; r10 and r11 two
 * sums; r12 the pitch, then the mantissa; lr where outputs go. On the stack: 0 next_to, 4 out_rows,
 * 8 next_row, 12 length, 16 pitch, 20 end, 24 bias, 28 mantissa, 32 step, 36 zero_term, 40 halved. */

/* Adds products of the words at hand to a sum. */
#define BY_FIRST(multiply, sum)                                                                    \
    multiply " " sum ", r1, r4, " sum "\n\t"                                                       \
    multiply " " sum ", r2, r5, " sum "\n\t"                                                       \
    multiply " " sum ", r3, r6, " sum "\n\t"
#define BY_LAST(multiply, sum)                                                                     \
    multiply " " sum ", r1, r7, " sum "\n\t"                                                       \
    multiply " " sum ", r2, r8, " sum "\n\t"                                                       \
    multiply " " sum ", r3, r9, " sum "\n\t"

/* The next words. A load directly after another costs a cycle less. */
#define NEXT                                                                                       \
    "ldr r3, [r0, r12, lsl #1]\n\t"                                                                \
    "ldr r2, [r0, r12]\n\t"                                                                        \
    "ldr r1, [r0], #4\n\t"
#define MANTISSA "ldr r12, [sp, #28]\n\t"

/* Two outputs, from words that both, or the one or the other need. */
#define PAIR_1                                                                                     \
    BY_FIRST("smlad", "r10") BY_FIRST("smlatb", "r11") NEXT MANTISSA BY_LAST("smlabt", "r10")      \
        BY_LAST("smlad", "r11")
#define PAIR_2                                                                                     \
    BY_FIRST("smlad", "r10") NEXT BY_LAST("smlabt", "r10") BY_FIRST("smlad", "r11")                \
        NEXT MANTISSA BY_LAST("smlabt", "r11")
#define SINGLE BY_FIRST("smlad", "r10") NEXT MANTISSA BY_LAST("smlabt", "r10")

/* er_scale_straight of both sums. */
#define STRAIGHT                                                                                   \
    "smmul r10, r10, r12\n\t"                                                                      \
    "smmul r11, r11, r12\n\t"                                                                      \
    "ssat r10, #8, r10, asr #12\n\t"                                                               \
    "ssat r11, #8, r11, asr #12\n\t"

/* er_scale_quickly of both. */
#define TWICE                                                                                      \
    "smmlar r10, r10, r12, r10\n\t"                                                                \
    "smmlar r11, r11, r12, r11\n\t"                                                                \
    "ldr r12, [sp, #40]\n\t"                                                                       \
    "add r10, r10, r10, asr #31\n\t"                                                               \
    "add r11, r11, r11, asr #31\n\t"                                                               \
    "asr r10, r10, r12\n\t"                                                                        \
    "asr r11, r11, r12\n\t"                                                                        \
    "ldr r12, [sp, #36]\n\t"                                                                       \
    "add r10, r10, r12\n\t"                                                                        \
    "add r11, r11, r12\n\t"                                                                        \
    "ssat r10, #8, r10, asr #1\n\t"                                                                \
    "ssat r11, #8, r11, asr #1\n\t"

/* Stores both sums; then the pitch is in r12, and both sums are the bias again. */
#define STORE                                                                                      \
    "strb r10, [lr]\n\t"                                                                           \
    "ldr r10, [sp, #32]\n\t"                                                                       \
    "strb r11, [lr, r10]\n\t"                                                                      \
    "ldr r12, [sp, #16]\n\t"                                                                       \
    "ldr r11, [sp, #24]\n\t"                                                                       \
    "add lr, lr, r10, lsl #1\n\t"                                                                  \
    "mov r10, r11\n\t"

/* The same; and flags: negative before the end of pairs, or equal, or one more output follows. */
#define STORE_LAST                                                                                 \
    "strb r10, [lr]\n\t"                                                                           \
    "ldr r10, [sp, #32]\n\t"                                                                       \
    "strb r11, [lr, r10]\n\t"                                                                      \
    "ldr r12, [sp, #20]\n\t"                                                                       \
    "ldr r11, [sp, #24]\n\t"                                                                       \
    "add lr, lr, r10, lsl #1\n\t"                                                                  \
    "subs r12, r0, r12\n\t"                                                                        \
    "ldr r12, [sp, #16]\n\t"                                                                       \
    "mov r10, r11\n\t"

/* Row after row, two pairs a turn; an odd number of pairs begins in the middle. */
#define STRIP(pair, scale)                                                                         \
    "push {r4-r11, lr}\n\t"                                                                        \
    "add r12, r0, #32\n\t"                                                                         \
    "ldm r12, {r1-r11}\n\t"                                                                        \
    "push {r1-r11}\n\t"                                                                            \
    "ldrd r10, lr, [r0], #8\n\t"                                                                   \
    "sub lr, lr, r1\n\t"                                                                           \
    "sub r10, r10, r3\n\t"                                                                         \
    "ldm r0, {r4-r9}\n\t"                                                                          \
    "mov r0, r10\n"                                                                                \
    "1:\n\t"                                                                                       \
    "ldm sp, {r1, r2, r10, r11, r12}\n\t"                                                          \
    "add r0, r0, r10\n\t"                                                                          \
    "add lr, lr, r1\n\t"                                                                           \
    "subs r2, r2, #1\n\t"                                                                          \
    "bmi 5f\n\t"                                                                                   \
    "asrs r11, r11, #1\n\t" /* carry: an odd number */                                             \
    "add r10, r0, r11\n\t"                                                                         \
    "str r2, [sp, #4]\n\t"                                                                         \
    "str r10, [sp, #20]\n\t"                                                                       \
    "ldr r10, [sp, #24]\n\t"                                                                       \
    "ldr r11, [sp, #24]\n\t" NEXT                                                                  \
    "bcs 3f\n"                                                                                     \
    "2:\n\t" pair scale STORE                                                                      \
    "3:\n\t" pair scale STORE_LAST                                                                 \
    "bmi 2b\n\t"                                                                                   \
    "beq 1b\n\t" SINGLE scale                                                                      \
    "strb r10, [lr]\n\t"                                                                           \
    "b 1b\n"                                                                                       \
    "5:\n\t"                                                                                       \
    "add sp, sp, #44\n\t"                                                                          \
    "pop {r4-r11, pc}\n"

static __attribute__((naked, noinline)) void strip_1_twice(__attribute__((unused))
                                                                  const strip_job *job)
{
    __asm__(STRIP(PAIR_1, TWICE));
}

static __attribute__((naked, noinline)) void strip_1_straight(__attribute__((unused))
                                                                     const strip_job *job)
{
    __asm__(STRIP(PAIR_1, STRAIGHT));
}

static __attribute__((naked, noinline)) void strip_2_twice(__attribute__((unused))
                                                                  const strip_job *job)
{
    __asm__(STRIP(PAIR_2, TWICE));
}

static __attribute__((naked, noinline)) void strip_2_straight(__attribute__((unused))
                                                                     const strip_job *job)
{
    __asm__(STRIP(PAIR_2, STRAIGHT));
}
#else
static void expand(const int8_t *from, int16_t *to, int32_t rows, const expansion *e)
{
    for (; rows > 0; rows--, from += e->from_next, to += e->to_next) {
        for (int32_t i = 0; i < e->used; i++, from += e->step, to++) {
            to[0] = from[0];
            to[e->apart] = from[1];
        }
    }
}

static void make_strip(const strip_job *job, int32_t stride, int is_straight)
{
    const er_scaling scaling = {job->mantissa, ~job->halved, job->halved};
    const int32_t length = job->length >> 1, odd = length & 1;
    const int32_t count = (length + odd - 4) / (2 * stride) + odd;
    const int16_t *row = job->rows;
    int8_t *to = job->to;
    for (int32_t i = 0; i < job->out_rows; i++) {
        for (int32_t x = 0; x < count; x++, row += stride) {
            int32_t sum = job->bias;
            for (int32_t tap = 0; tap < KERNEL; tap++) {
                const int16_t *word = row + tap * job->pitch / 2;
                sum = er_mac(er_load(word), job->first[tap], sum);
                sum = __smlabt(word[2], (int32_t)job->last[tap], sum);
            }
            to[x * job->step] = (int8_t)(is_straight
                                             ? er_scale_straight(sum, job->mantissa, 0)
                                             : er_scale_quickly(sum, scaling, job->zero_term));
        }
        row += 2 + odd * (2 - stride) + job->next_row / 2;
        to += (count - odd) * job->step + job->next_to;
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
    const er_conv_s8 *layer;
    er_range_s8 range;
    expansion expansion;
    int16_t *strips;
    int32_t pitch;
    int32_t rows;       /* of outputs that a strip makes */
    int32_t multiplier; /* output channels of an input channel */
    er_pair zeros;      /* two input zero points */
    strip *make;
} shape;

static strip *strip_of(const er_conv_s8 *p)
{
    if (is_straight(p)) {
        return p->window.stride_w == 1 ? strip_1_straight : strip_2_straight;
    }
    return p->window.stride_w == 1 ? strip_1_twice : strip_2_twice;
}

/* Fills with pairs, `count` being even. */
ER_NEVER_INLINE void fill(int16_t *to, int32_t count, er_pair zeros)
{
    ER_ROLLED_ALWAYS
    for (; count >= 4; count -= 4, to += 4) {
        er_store(to, zeros);
        er_store(to + 2, zeros);
    }
    if (count > 0) {
        er_store(to, zeros);
    }
}

/* The rows of an only channel: behind its last byte there may be no other. */
ER_SMALL void expand_one(const int8_t *from, int16_t *to, int32_t rows, const expansion *e)
{
    for (; rows > 0; rows--, from += e->from_next, to += e->to_next) {
        ER_ROLLED_ALWAYS
        for (int32_t left = e->used; left > 0; left--) {
            *to++ = *from++;
        }
    }
}

/* Fills rows of both strips. */
ER_SMALL void fill_rows(const shape *s, int16_t *to, int32_t count)
{
    fill(to, count * s->pitch, s->zeros);
    fill(to + s->expansion.apart, count * s->pitch, s->zeros);
}

/* Brings rows from `y` of the padded image on to the strips. Where a strip holds the whole image,
 * zeros around it stay from channel to channel. */
ER_SMALL void load_rows(const shape *s, const int8_t *input, int32_t y, int32_t count, int16_t *to)
{
    const er_window *w = &s->layer->window;
    const int32_t above = er_least(er_most(-y, 0), count);
    const int32_t inside = er_least(y + count, w->in_h) - er_most(y, 0);
    const int is_whole = s->rows >= w->out_h;
    if (!is_whole) {
        fill_rows(s, to, above);
    }
    y += above;
    count -= above;
    to += above * s->pitch;
    if (inside > 0) {
        (w->in_c > 1 ? expand : expand_one)(input + y * w->in_w * w->in_c, to + w->pad_left, inside,
                                            &s->expansion);
        count -= inside;
        to += inside * s->pitch;
    }
    if (!is_whole) {
        fill_rows(s, to, count);
    }
}

/* Moves rows to the front of a strip, likewise. */
ER_NEVER_INLINE void keep_rows(int16_t *to, const int16_t *from, int32_t count)
{
    ER_ROLLED_ALWAYS
    for (; count >= 4; count -= 4, to += 4, from += 4) {
        const er_pair first = er_load(from), second = er_load(from + 2);
        er_store(to, first);
        er_store(to + 2, second);
    }
    if (count > 0) {
        er_store(to, er_load(from));
    }
}

ER_SMALL void clamp(er_range_s8 range, int32_t step, int32_t count, int8_t *values)
{
    for (; count > 0; count--, values += step) {
        *values = (int8_t)er_clamp(range, *values);
    }
}

/* Rows of one output channel. */
ER_NEVER_INLINE void make_channel(const shape *s, strip_job *job, int32_t channel)
{
    const er_conv_s8 *p = s->layer;
    const int straight = is_straight(p);
    const int32_t mantissa = p->mantissa[channel];
    /* Of the straight way, sums have a fraction: a smaller one where the mantissa is marked. */
    const int32_t whole = !straight ? 1 : mantissa < 0 ? 16 : 256;
    const int8_t *v = p->weights + channel * KERNEL * KERNEL;
    for (int32_t tap = 0; tap < KERNEL; tap++, v += KERNEL) {
        job->first[tap] = er_pack(v[0] * whole, v[1] * whole);
        job->last[tap] = er_pack(v[1] * whole, v[2] * whole);
    }
    job->bias = p->bias[channel];
    job->mantissa = !straight ? er_shift_left(mantissa, 1) : mantissa < 0 ? -mantissa : mantissa;
    job->halved = straight ? 0 : ~p->shift[channel];
    s->make(job);
    if (er_is_partial(s->range)) {
        clamp(s->range, job->step, job->out_rows * p->window.out_w, job->to);
    }
}

/* The outputs of two input channels from `channel` on, or of the second alone. */
ER_SMALL void run(const shape *s, strip_job *job, const int8_t *input, int8_t *output,
                  int32_t channel, int32_t skipped)
{
    const er_window *w = &s->layer->window;
    const int32_t kept = er_most(0, KERNEL - w->stride_h), on = s->rows * w->stride_h;
    const int32_t first = (channel + skipped) * s->multiplier;
    const int32_t last = er_least((channel + STRIPS) * s->multiplier, w->out_c);
    int32_t y = -w->pad_top, already = 0;
    for (int32_t left = w->out_h; left > 0; left -= s->rows, y += on) {
        job->out_rows = er_least(left, s->rows);
        const int32_t needed = (job->out_rows - 1) * w->stride_h + KERNEL;
        load_rows(s, input + channel, y + already, needed - already,
                  s->strips + already * s->pitch);
        job->rows = s->strips + skipped * s->expansion.apart;
        int32_t until = first + s->multiplier;
        for (int32_t i = first; i < last; i++) {
            if (i == until) {
                job->rows += s->expansion.apart;
                until = last;
            }
            job->to = output + i;
            make_channel(s, job, i);
        }
        if (left > s->rows) {
            for (int32_t i = 0; i < STRIPS; i++) {
                int16_t *to = s->strips + i * s->expansion.apart;
                keep_rows(to, to + on * s->pitch, kept * s->pitch);
            }
        }
        already = kept;
        output += s->rows * w->out_w * w->out_c;
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
    const int32_t depth = w->in_c, odd = w->out_w % 2;
    const int32_t needed = (w->out_w - 1) * w->stride_w + KERNEL - w->pad_left;
    const int32_t used = er_least(w->in_w, needed);
    const int32_t pitch = (er_most(needed, w->pad_left + used) + 1) / 2 * 2;
    const int32_t rows = strip_rows(w, pitch);
    const int32_t apart = ((rows - 1) * w->stride_h + KERNEL) * pitch;
    const int32_t pairs = 4 + w->out_w / 2 * w->stride_w * 4; /* bytes, a word before them */
    const shape s = {.layer = p,
                     .range = er_range_of(p->out_zero, p->act_min, p->act_max),
                     .expansion = {depth, used, (w->in_w - used) * depth, pitch - used, apart},
                     .strips = scratch,
                     .pitch = pitch,
                     .rows = rows,
                     .multiplier = w->out_c / depth,
                     .zeros = er_pack(p->in_zero, p->in_zero),
                     .make = strip_of(p)};
    strip_job job = {.next_to = odd * w->out_c,
                     .next_row = 2 * w->stride_h * pitch - pairs - 4 * odd,
                     .length = 2 * (pairs - odd) + w->out_w / 2 % 2,
                     .pitch = 2 * pitch,
                     .step = w->out_c,
                     .zero_term = s.range.twice_zero_and_one};
    fill(scratch, STRIPS * apart + SLACK, s.zeros);
    for (int32_t channel = 0; channel < depth; channel += STRIPS) {
        const int32_t skipped = depth > 1 && channel == depth - 1;
        run(&s, &job, input, output, channel - skipped, skipped);
    }
}
