/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution of int8 for the DSP extension, whatever its weights are stored as. Four pixels by two
 * output channels at a time. The patches of four pixels are unpacked to int16 once, their pairs
 * side by side ("columns"), and then meet every channel.
 *
 * Weights are words of four bytes. For each two channels a and b: for each pair (i, j) of the
 * patch, the word a_i, b_i, a_j, b_j. An odd last channel follows: for each two pairs a word of its
 * elements in order. A zero stands in for what is missing in a pair; an incomplete last group of
 * one or two elements is the one pair (0, 1).
 *
 * A kernel defines, before it includes this:
 *     words_bytes     how many bytes so many words take
 *     word            one of so many words
 *     last_pair       the pair that an odd last channel of an odd number of pairs ends with
 *     first_sum       what a sum starts with
 *     finished_sum    what a sum of all products becomes
 * and for its assembly the strings START, FOUR_STEPS, STEP and FINISH, told of below.
 */
#ifndef ER_CONV_DSP_H
#define ER_CONV_DSP_H

#include "er_dsp.h"
#include "er_kernels.h"
#include "er_patch.h"

enum { LANES = 4 };

/* Unpacks a run into one lane of the columns. */
ER_NEVER_INLINE void *unpack(const int8_t *from, int32_t count, int32_t zero, void *to)
{
    er_pair *column = to;
    if (from == NULL) {
        const er_pair both = er_pack(zero, zero);
        for (; count > 0; count -= 2, column += LANES) {
            *column = both;
        }
        return column;
    }
    for (; count >= 4; count -= 4, from += 4, column += 2 * LANES) {
        const uint32_t bytes = er_load(from);
        column[0] = er_even(bytes);
        column[LANES] = er_odd(bytes);
    }
    if (count == 3) {
        const uint32_t bytes = er_load_tail(from, 3);
        column[0] = er_even(bytes);
        column[LANES] = er_odd(bytes);
    } else if (count > 0) {
        column[0] = er_pack(from[0], count > 1 ? from[1] : 0);
    }
    return column;
}

/* Up to four pixels, their patches in the columns. */
typedef struct {
    const er_conv_s8 *p;
    const er_pair *columns;
    uint32_t pairs; /* in a column */
    int32_t lanes;
    er_range_s8 range;
    int quick; /* er_scale_quickly serves every channel */
} block;

/* Scales one channel of `count` lanes from `first` on, and stores those that are in use. */
static void store(const block *b, int32_t channel, int32_t first, int32_t count, int32_t *sums,
                  int8_t *to)
{
    const er_conv_s8 *p = b->p;
    const int32_t step = p->window.out_c;
    er_scale(b->range, er_scaling_of(p->mantissa[channel], p->shift[channel]), count, sums);
    for (int32_t i = 0; i < er_least(count, b->lanes - first); i++) {
        to[channel + (first + i) * step] = (int8_t)sums[i];
    }
}

/* Two channels of `count` lanes from `first` on. */
ER_ALWAYS_INLINE void multiply_2(const block *b, const int8_t *weights, int32_t channel,
                                 int32_t first, int32_t count, int8_t *to)
{
    int32_t sums_0[LANES], sums_1[LANES];
    const er_pair *column = b->columns + first;
    const int32_t *bias = b->p->bias + channel;
    for (int32_t i = 0; i < count; i++) {
        sums_0[i] = first_sum(bias[0]);
        sums_1[i] = first_sum(bias[1]);
    }
    for (uint32_t n = 0; n < b->pairs; n++, column += LANES) {
        const uint32_t bytes = word(weights, n, b->pairs);
        for (int32_t i = 0; i < count; i++) {
            sums_0[i] = er_mac(er_even(bytes), column[i], sums_0[i]);
            sums_1[i] = er_mac(er_odd(bytes), column[i], sums_1[i]);
        }
    }
    for (int32_t i = 0; i < count; i++) {
        sums_0[i] = finished_sum(bias[0], sums_0[i]);
        sums_1[i] = finished_sum(bias[1], sums_1[i]);
    }
    store(b, channel, first, count, sums_0, to);
    store(b, channel + 1, first, count, sums_1, to);
}

/* All pairs of channels by each lane. */
ER_NEVER_INLINE void multiply_2x1(const block *b, int8_t *to)
{
    const int8_t *weights = b->p->weights;
    for (int32_t channel = 0; channel + 1 < b->p->window.out_c; channel += 2) {
        for (int32_t lane = 0; lane < b->lanes; lane++) {
            multiply_2(b, weights, channel, lane, 1, to);
        }
        weights += words_bytes(b->pairs);
    }
}

#if defined(__arm__)
/* The same by four lanes. Eight sums, two pointers and four temporaries are all the registers
 * there are, and no compiler tried keeps them there: from intrinsics, a multiplication takes 1.3
 * instructions instead of 0.86. So this loop, three quarters of the work of most models, is
 * assembly. It knows the offsets of these fields. */
typedef struct {
    const int8_t *weights;             /* 0 */
    const er_pair *columns;            /* 4 */
    const er_pair *end_of_fours, *end; /* 8, 12: of the columns that are in fours; of all */
    const int32_t *bias;               /* 16 */
    const int32_t *mantissa;           /* 20 */
    const int8_t *shift;               /* 24 */
    int32_t channel_pairs;             /* 28 */
    int32_t twice_zero_and_one;        /* 32 */
    int8_t *to;                        /* 36 */
    int32_t step, last;                /* 40, 44: to lane 1; to lane 3, or 0 where there is none */
} quick_job;

/* START sets r4 to r7 (channel a, lanes 0 to 3) and r8 to r11 (channel b) with the job at r0 and r2
 * free; FOUR_STEPS and STEP add four pairs and one, with the weights at r0, the column at r1, and
 * r2, r3, r12 and lr free; FINISH turns the sums into those with bias, with the job at lr and r0 to
 * r3 and r12 free. */
/* er_scale_quickly with twice_mantissa r0, halved r1, twice_zero_and_one r2. */
#define SCALE(r)                                                                                   \
    "smmlar " r ", " r ", r0, " r "\n\t"                                                           \
    "add " r ", " r ", " r ", asr #31\n\t"                                                         \
    "asr " r ", " r ", r1\n\t"                                                                     \
    "add " r ", " r ", r2\n\t"                                                                     \
    "ssat " r ", #8, " r ", asr #1\n\t"

/* Scales four lanes and stores them at r3; lane 0 after lane 3, which may have no place. */
#define SCALE_AND_STORE(lane0, lane1, lane2, lane3)                                                \
    SCALE(lane0)                                                                                   \
    SCALE(lane1)                                                                                   \
    SCALE(lane2)                                                                                   \
    SCALE(lane3)                                                                                   \
    "strb " lane3 ", [r3, lr]\n\t"                                                                 \
    "strb " lane0 ", [r3]\n\t"                                                                     \
    "strb " lane1 ", [r3, r12]\n\t"                                                                \
    "strb " lane2 ", [r3, r12, lsl #1]\n\t"

static __attribute__((naked, noinline)) void multiply_quickly(__attribute__((unused))
                                                              quick_job *job)
{
    __asm__("push {r4-r11, lr}\n\t"
            "ldrd r2, r3, [r0, #8]\n\t"
            "push {r0, r2, r3}\n"
            "1:\n\t" START
            "ldrd r0, r1, [r0]\n\t"
            "b 3f\n"
            "2:\n\t" FOUR_STEPS
            "3:\n\t"
            "ldr r2, [sp, #4]\n\t"
            "cmp r1, r2\n\t"
            "bne 2b\n\t"
            "b 5f\n"
            "4:\n\t" STEP
            "5:\n\t"
            "ldr r2, [sp, #8]\n\t"
            "cmp r1, r2\n\t"
            "bne 4b\n\t"

            "ldr lr, [sp]\n\t"
            "str r0, [lr]\n\t" FINISH
            "ldr r2, [lr, #20]\n\t"
            "ldr r0, [r2]\n\t"
            "ldr r2, [lr, #24]\n\t"
            "ldrsb r1, [r2]\n\t"
            "lsl r0, r0, #1\n\t"
            "mvn r1, r1\n\t"
            "add lr, lr, #32\n\t"
            "ldm lr, {r2, r3, r12, lr}\n\t" SCALE_AND_STORE("r4", "r5", "r6", "r7")

            "ldr r4, [sp]\n\t"
            "ldr r5, [r4, #20]\n\t"
            "ldr r6, [r4, #24]\n\t"
            "ldr r0, [r5, #4]\n\t"
            "ldrsb r1, [r6, #1]\n\t"
            "add r5, r5, #8\n\t"
            "add r6, r6, #2\n\t"
            "lsl r0, r0, #1\n\t"
            "mvn r1, r1\n\t"
            "add r3, r3, #1\n\t" SCALE_AND_STORE("r8", "r9", "r10", "r11")

            "add r3, r3, #1\n\t"
            "ldr r7, [r4, #28]\n\t"
            "str r3, [r4, #36]\n\t"
            "subs r7, r7, #1\n\t"
            "mov r0, r4\n\t"
            "add r4, r4, #20\n\t"
            "stm r4, {r5, r6, r7}\n\t"
            "bne 1b\n\t"
            "add sp, sp, #12\n\t"
            "pop {r4-r11, pc}\n");
}

/* What er_scale_quickly leaves to do where the range is smaller than int8. */
static void clamp(const block *b, int8_t *to)
{
    for (int32_t i = 0; i < b->lanes * b->p->window.out_c; i++) {
        to[i] = (int8_t)er_clamp(b->range, to[i]);
    }
}

/* How many pairs of channels from `channel` on er_scale_quickly serves. */
static int32_t quick_pairs(const block *b, int32_t channel)
{
    const int32_t pairs = (b->p->window.out_c - channel) / 2;
    if (b->quick) {
        return pairs;
    }
    for (int32_t i = 0; i < pairs; i++) {
        if (!er_all_are_quick(b->p->shift + channel + 2 * i, 2)) {
            return i;
        }
    }
    return pairs;
}

/* All pairs of channels by three or four lanes; in C those that er_scale_quickly does not serve. */
ER_NEVER_INLINE void multiply_pairs(const block *b, int8_t *to)
{
    const er_conv_s8 *p = b->p;
    const int32_t step = p->window.out_c;
    quick_job job = {.weights = p->weights,
                     .columns = b->columns,
                     .end_of_fours = b->columns + b->pairs / 4 * 4 * LANES,
                     .end = b->columns + b->pairs * LANES,
                     .twice_zero_and_one = b->range.twice_zero_and_one,
                     .step = step,
                     .last = b->lanes == LANES ? 3 * step : 0};
    for (int32_t channel = 0, pairs; channel + 1 < step; channel += 2 * pairs) {
        pairs = quick_pairs(b, channel);
        if (pairs > 0) {
            job.bias = p->bias + channel;
            job.mantissa = p->mantissa + channel;
            job.shift = p->shift + channel;
            job.to = to + channel;
            job.channel_pairs = pairs;
            multiply_quickly(&job);
        } else {
            pairs = 1;
            multiply_2(b, job.weights, channel, 0, LANES, to);
            job.weights += words_bytes(b->pairs);
        }
    }
    if (er_is_partial(b->range)) {
        clamp(b, to);
    }
}
#else
ER_NEVER_INLINE void multiply_pairs(const block *b, int8_t *to)
{
    const int8_t *weights = b->p->weights;
    for (int32_t channel = 0; channel + 1 < b->p->window.out_c; channel += 2) {
        multiply_2(b, weights, channel, 0, LANES, to);
        weights += words_bytes(b->pairs);
    }
}
#endif

/* The odd last channel by all lanes. */
ER_NEVER_INLINE void multiply_last(const block *b, int8_t *to)
{
    const int32_t channel = b->p->window.out_c - 1;
    const int8_t *weights = b->p->weights + (uint32_t)channel / 2 * words_bytes(b->pairs);
    const int32_t bias = b->p->bias[channel], first = first_sum(bias);
    const uint32_t words = b->pairs / 2;
    int32_t sums[LANES] = {first, first, first, first};
    const er_pair *column = b->columns;
    for (uint32_t i = 0; i < words; i++, column += 2 * LANES) {
        const uint32_t bytes = word(weights, i, words);
        const er_pair even = er_even(bytes), odd = er_odd(bytes);
        for (int32_t lane = 0; lane < LANES; lane++) {
            sums[lane] = er_mac(even, column[lane], sums[lane]);
            sums[lane] = er_mac(odd, column[LANES + lane], sums[lane]);
        }
    }
    if (b->pairs % 2 != 0) {
        const er_pair pair = last_pair(weights + words_bytes(words));
        for (int32_t lane = 0; lane < LANES; lane++) {
            sums[lane] = er_mac(pair, column[lane], sums[lane]);
        }
    }
    for (int32_t lane = 0; lane < LANES; lane++) {
        sums[lane] = finished_sum(bias, sums[lane]);
    }
    store(b, channel, 0, LANES, sums, to);
}

/* Whether each pixel of the output reads just the pixel of the input in the same place. */
static int is_pointwise(const er_window *w)
{
    return w->kernel_h * w->kernel_w * w->stride_h * w->stride_w == 1 && w->in_h == w->out_h &&
           w->in_w == w->out_w && w->pad_top + w->pad_left == 0;
}

/* Unpacks the patch of output (row, column) into one lane of the columns. */
ER_NEVER_INLINE void unpack_patch(const er_conv_s8 *p, const int8_t *input, int32_t row,
                                  int32_t column, er_pair *to, int8_t *patch)
{
    const er_window *w = &p->window;
    if (w->in_c % 4 == 0) {
        er_patch_runs(w, input, row, column, p->in_zero, unpack, to);
    } else {
        er_patch(w, input, row, column, p->in_zero, patch);
        unpack(patch, w->kernel_h * w->kernel_w * w->in_c, 0, to);
    }
}

/* `scratch`: the columns, then a patch where channels are not whole groups. */
ER_ALWAYS_INLINE void convolve(const er_conv_s8 *p, const int8_t *input, int8_t *output,
                               void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    const int32_t pixels = w->out_h * w->out_w;
    const int pointwise = is_pointwise(w);
    er_pair *columns = scratch;
    block b = {.p = p,
               .columns = columns,
               .pairs = (uint32_t)(depth + 1) / 2,
               .range = er_range_of(p->out_zero, p->act_min, p->act_max),
               .quick = er_all_are_quick(p->shift, w->out_c)};
    int8_t *patch = (int8_t *)(columns + LANES * b.pairs);
    int32_t row = 0, column = 0;
    for (int32_t pixel = 0; pixel < pixels; pixel += LANES, output += LANES * w->out_c) {
        b.lanes = er_least(pixels - pixel, LANES);
        for (int32_t lane = 0; lane < b.lanes; lane++) {
            if (pointwise) {
                unpack(input + (pixel + lane) * depth, depth, 0, columns + lane);
                continue;
            }
            unpack_patch(p, input, row, column, columns + lane, patch);
            if (++column == w->out_w) {
                column = 0;
                row++;
            }
        }
        if (b.lanes >= 3) {
            multiply_pairs(&b, output);
        } else {
            multiply_2x1(&b, output);
        }
        if (w->out_c % 2 != 0) {
            multiply_last(&b, output);
        }
    }
}

#endif
