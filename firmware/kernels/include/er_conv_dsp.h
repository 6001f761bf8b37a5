/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution of int8 for the DSP extension, whatever its weights are stored as. Four pixels by two
 * output channels at a time. The patches of four pixels are unpacked to int16 once, their pairs
 * side by side ("columns"), and then meet every channel.
 *
 * A run is what one row of the kernel reads: kernel_w x in_c elements. Each is unpacked by itself:
 * in groups of four elements, the pairs (0, 2) and (1, 3); what is left over is the pair (0, 1), or
 * of three elements (0, 2) and (1, none), or (0, none). Any number stands for none, as its weight
 * is 0.
 *
 * Weights are words of four bytes. For each two channels a and b: for each pair (i, j), the word
 * a_i, b_i, a_j, b_j. An odd last channel follows: for each two pairs (i, j) and (k, l), the word i,
 * k, j, l, and an odd last pair.
 *
 * A kernel defines, before it includes this:
 *     words_bytes     how many bytes so many words take
 *     word            one of so many words
 *     last_pair       the pair that an odd last channel of an odd number of pairs ends with
 *     add_word        adds the products of a word of two channels and a pair to their sums
 *     take_apart      makes the sums of products of two channels of what add_word made
 *     WEIGHT_BITS     zeros behind each weight, and so behind each sum of products
 *     CAN_BE_STRAIGHT whether it has a way to scale for outputs that lie on a line
 *     loop_of         what its loop in assembly needs to know of so many pairs
 * and for its assembly the strings PREPARE, LOOP, and START and FINISH of each way to scale, told of
 * below.
 */
#ifndef ER_CONV_DSP_H
#define ER_CONV_DSP_H

#include "er_dsp.h"
#include "er_kernels.h"
#include "er_patch.h"

enum { LANES = 4 };

#if defined(__arm__)
/* Unpacks a group of four elements from r0 to r1; two of them. */
#define UNPACK                                                                                     \
    "ldr r4, [r0], #4\n\t"                                                                         \
    "sxtb16 r5, r4\n\t"                                                                           \
    "sxtb16 r4, r4, ror #8\n\t"                                                                   \
    "str r5, [r1], #16\n\t"                                                                       \
    "str r4, [r1], #16\n\t"

#define UNPACK_TWO                                                                                 \
    "ldr r6, [r0, #4]\n\t"                                                                         \
    "ldr r4, [r0], #8\n\t"                                                                         \
    "sxtb16 r5, r4\n\t"                                                                            \
    "sxtb16 r4, r4, ror #8\n\t"                                                                    \
    "str r5, [r1], #16\n\t"                                                                        \
    "str r4, [r1], #16\n\t"                                                                        \
    "sxtb16 r5, r6\n\t"                                                                            \
    "sxtb16 r6, r6, ror #8\n\t"                                                                    \
    "str r5, [r1], #16\n\t"                                                                        \
    "str r6, [r1], #16\n\t"
#endif

/* Fills a run in one lane with zero points; returns where the next run goes. */
ER_SMALL er_pair *fill(er_pair *to, int32_t run, int32_t zero)
{
    const er_pair zeros = er_pack(zero, zero);
    ER_ROLLED_ALWAYS
    for (; run > 2; run -= 4, to += 2 * LANES) {
        to[0] = zeros;
        to[LANES] = zeros;
    }
    if (run > 0) {
        *to = zeros;
        to += LANES;
    }
    return to;
}

/* What the loop in assembly reads, which multiplies pairs of channels by three or four lanes. */
typedef struct {
    const int8_t *weights;
    const er_pair *columns, *end;
    uint32_t loop; /* loop_of */
    const int32_t *mantissa;
    const int8_t *shift;
    const int32_t *bias;
    const int8_t *end_of_to; /* of lane 0 */
    int32_t zero_term; /* twice_zero_and_one, or of the straight way er_straight_zero of it */
    int8_t *to;
    int32_t step, last; /* to lane 1; to lane 3, or 0 where there is none */
} quick_job;

/* Up to four pixels, their patches in the columns. */
typedef struct {
    const er_conv_s8 *p;
    const er_pair *columns;
    uint32_t pairs; /* in a column */
    int32_t lanes;
    int32_t step; /* from the outputs of one lane to those of the next */
    er_range_s8 range;
    int quick;     /* is_quick */
    quick_job job; /* of all channels */
} block;

/* Whether the outputs of a layer lie on a line. */
static inline int is_straight(const er_conv_s8 *p)
{
    return CAN_BE_STRAIGHT && ER_CONV_STRAIGHT && (!ER_CONV_OTHER || p->shift == NULL);
}

/* How sums of products of one channel become outputs. */
typedef struct {
    int32_t bias, mantissa, shift; /* the straight way has no shift */
} factors;

static inline factors factors_of(const er_conv_s8 *p, int32_t channel)
{
    static const int8_t none = 0;
    const int8_t *shift = is_straight(p) ? &none : p->shift + channel;
    const factors f = {p->bias[channel], p->mantissa[channel], *shift};
    return f;
}

static inline int8_t output_of(const block *b, factors f, int32_t products)
{
    const int32_t zero = b->range.twice_zero_and_one;
    int32_t value;
    if (is_straight(b->p)) {
        const int32_t sum = er_wrapping_add(f.bias, er_shift_left(products, 8 - WEIGHT_BITS));
        value = er_scale_straight(sum, f.mantissa, er_straight_zero(zero));
    } else {
        const int32_t sum = er_wrapping_add(f.bias, products >> WEIGHT_BITS);
        const er_scaling scaling = er_scaling_of(f.mantissa, f.shift);
        value = b->quick ? er_scale_quickly(sum, scaling, zero)
                         : er_scale_slowly(sum, scaling, zero);
    }
    return (int8_t)er_clamp(b->range, value);
}

/* The block's columns from here on. */
static inline void set_columns(block *b, const er_pair *columns)
{
    b->columns = columns;
    b->job.columns = columns;
    b->job.end = columns + b->pairs * LANES;
    b->job.loop = loop_of(columns, b->pairs);
}

/* Two channels by each lane: for the last one or two pixels, and for channels that the assembly does
 * not serve. */
ER_SMALL void multiply_2x1(const block *b, const int8_t *weights, int32_t channel, int8_t *to)
{
    for (int32_t lane = 0; lane < b->lanes; lane++, to += b->step) {
        const er_pair *column = b->columns + lane;
        int32_t sums[2] = {0, 0};
        ER_ROLLED_ALWAYS
        for (uint32_t i = 0; i < b->pairs; i++, column += LANES) {
            add_word(word(weights, i, b->pairs), *column, sums);
        }
        take_apart(sums);
        ER_ROLLED_ALWAYS
        for (int32_t i = 0; i < 2; i++) {
            to[channel + i] = output_of(b, factors_of(b->p, channel + i), sums[i]);
        }
    }
}

#if defined(__arm__)
/* All pairs of channels by four lanes, where er_scale_quickly or er_scale_straight serves. Eight
 * sums, two pointers and four temporaries are all the registers there are, and no compiler tried
 * keeps them there: from intrinsics, a multiplication takes 1.3 instructions instead of 0.9. So this
 * loop, three quarters of the work of most models, is assembly. It knows the order of the fields of
 * quick_job.
 *
 * On the stack: 0 columns, 4 end, 8 loop, 12 mantissa, 16 shift, 20 bias, 24 end of to,
 * 28 zero_term, 32 to, 36 step, 40 last. In r0 the weights; in r4 to r7 channel a, lanes 0 to 3; in
 * r8 to r11 channel b.
 *
 * PREPARE makes of `loop`, in r3, what LOOP finds on the stack; it may use r12 and lr. START sets
 * the sums, and may use r2. LOOP, from label 2, adds all pairs from r1 to the end; it may use r2,
 * r3, r12 and lr. FINISH moves the bias on, and makes of the sums those that are scaled, bias
 * included; it may use r1 to r3, r12 and lr. */

/* er_scale_quickly, of a shift in r2 that is `halved`; twice_zero_and_one in r3. */
#define SCALE_QUICKLY(r, twice_mantissa)                                                           \
    "smmlar " r ", " r ", " twice_mantissa ", " r "\n\t"                                           \
    "add " r ", " r ", " r ", asr #31\n\t"                                                         \
    "asr " r ", " r ", r2\n\t"                                                                     \
    "add " r ", " r ", r3\n\t"                                                                     \
    "ssat " r ", #8, " r ", asr #1\n\t"

/* er_scale_straight; er_straight_zero in r3. */
#define SCALE_STRAIGHT(r, mantissa)                                                                \
    "smmla " r ", " r ", " mantissa ", r3\n\t"                                                     \
    "ssat " r ", #8, " r ", asr #12\n\t"

/* Stores four lanes at r12; lane 0 after lane 3, which may have no place. */
#define STORE(lane0, lane1, lane2, lane3)                                                          \
    "strb " lane3 ", [r12, r1]\n\t"                                                                \
    "strb " lane0 ", [r12]\n\t"                                                                    \
    "strb " lane1 ", [r12, lr]\n\t"                                                                \
    "strb " lane2 ", [r12, lr, lsl #1]\n\t"

/* Loads the factors of both channels for SCALE; of products that are rounded twice, those of b are
 * loaded in between. */
#define FACTORS_TWICE                                                                              \
    "ldrd r2, r3, [sp, #12]\n\t"                                                                   \
    "ldr r1, [r2]\n\t"                                                                             \
    "ldrsb r2, [r3]\n\t"                                                                           \
    "ldrd r3, r12, [sp, #28]\n\t"                                                                  \
    "lsls r1, r1, #1\n\t"                                                                          \
    "mvns r2, r2\n\t"

#define BETWEEN_TWICE                                                                              \
    "ldrd r4, r5, [sp, #12]\n\t"                                                                   \
    "ldr r6, [r4, #4]\n\t"                                                                         \
    "ldrsb r2, [r5, #1]\n\t"                                                                       \
    "adds r4, r4, #8\n\t"                                                                          \
    "adds r5, r5, #2\n\t"                                                                          \
    "strd r4, r5, [sp, #12]\n\t"                                                                   \
    "lsls r6, r6, #1\n\t"                                                                          \
    "mvns r2, r2\n\t"

#define FACTORS_STRAIGHT                                                                           \
    "ldr r12, [sp, #12]\n\t"                                                                       \
    "ldrd r1, r2, [r12], #8\n\t"                                                                   \
    "str r12, [sp, #12]\n\t"                                                                       \
    "ldrd r3, r12, [sp, #28]\n\t"

#define MULTIPLY(start, finish, factors, scale, between, mantissa_b)                               \
    "push {r4-r11, lr}\n\t"                                                                        \
    "ldm r0, {r0-r11}\n\t"                                                                         \
    PREPARE                                                                                        \
    "push {r1-r11}\n"                                                                              \
    "1:\n\t"                                                                                       \
    "ldr r1, [sp]\n\t" start LOOP finish factors                                                   \
    scale("r4", "r1") scale("r5", "r1") scale("r6", "r1") scale("r7", "r1")                        \
    "ldr lr, [sp, #36]\n\t"                                                                        \
    "ldr r1, [sp, #40]\n\t" STORE("r4", "r5", "r6", "r7") between                                  \
    "add r12, r12, #1\n\t"                                                                         \
    scale("r8", mantissa_b) scale("r9", mantissa_b)                                                \
    scale("r10", mantissa_b) scale("r11", mantissa_b)                                              \
    STORE("r8", "r9", "r10", "r11")                                                                \
    "ldr r2, [sp, #24]\n\t"                                                                        \
    "add r12, r12, #1\n\t"                                                                         \
    "str r12, [sp, #32]\n\t"                                                                       \
    "cmp r12, r2\n\t"                                                                              \
    "bne 1b\n\t"                                                                                   \
    "add sp, sp, #44\n\t"                                                                          \
    "pop {r4-r11, pc}\n"

static __attribute__((naked, noinline)) void multiply_twice(__attribute__((unused))
                                                            const quick_job *job)
{
    __asm__(MULTIPLY(START_TWICE, FINISH_TWICE, FACTORS_TWICE, SCALE_QUICKLY, BETWEEN_TWICE, "r6"));
}

static __attribute__((naked, noinline)) void multiply_straight(__attribute__((unused))
                                                               const quick_job *job)
{
    __asm__(MULTIPLY(START_STRAIGHT, FINISH_STRAIGHT, FACTORS_STRAIGHT, SCALE_STRAIGHT, "", "r2"));
}

/* What is left to do where the range is smaller than int8. */
ER_SMALL void clamp(const block *b, int8_t *to)
{
    for (int32_t lane = 0; lane < b->lanes; lane++, to += b->step) {
        for (int32_t i = 0; i < b->p->window.out_c; i++) {
            to[i] = (int8_t)er_clamp(b->range, to[i]);
        }
    }
}

/* All pairs of channels, not all of which the assembly serves. */
ER_SMALL void multiply_mixed(block *b, int8_t *to)
{
    const er_conv_s8 *p = b->p;
    quick_job *job = &b->job;
    job->weights = p->weights;
    for (int32_t channel = 0; channel + 1 < p->window.out_c; channel += 2) {
        if (er_all_are_quick(p->shift + channel, 2)) {
            job->mantissa = p->mantissa + channel;
            job->shift = p->shift + channel;
            job->bias = p->bias + channel;
            job->to = to + channel;
            job->end_of_to = job->to + 2;
            multiply_twice(job);
        } else {
            multiply_2x1(b, job->weights, channel, to);
        }
        job->weights += words_bytes(b->pairs);
    }
}

/* All pairs of channels, of which there are some, by three or four lanes. */
ER_ALWAYS_INLINE void multiply_pairs(block *b, int8_t *to)
{
    b->job.to = to;
    b->job.end_of_to = to + b->p->window.out_c / 2 * 2;
    b->job.step = b->step;
    b->job.last = b->lanes == LANES ? 3 * b->step : 0;
    if (is_straight(b->p)) {
        multiply_straight(&b->job);
    } else if (b->quick) {
        multiply_twice(&b->job);
    } else {
        multiply_mixed(b, to);
    }
    if (er_is_partial(b->range)) {
        clamp(b, to);
    }
}
#endif

/* All pairs of channels by each lane. */
static void multiply_lanes(block *b, int8_t *to)
{
    const int8_t *weights = b->p->weights;
    for (int32_t channel = 0; channel + 1 < b->p->window.out_c; channel += 2) {
        multiply_2x1(b, weights, channel, to);
        weights += words_bytes(b->pairs);
    }
}

/* The odd last channel by all lanes. */
ER_NEVER_INLINE void multiply_last(const block *b, int8_t *to)
{
    const int32_t channel = b->p->window.out_c - 1;
    const int8_t *weights = b->p->weights + (uint32_t)channel / 2 * words_bytes(b->pairs);
    const uint32_t words = b->pairs / 2;
    int32_t sums[LANES] = {0, 0, 0, 0};
    const er_pair *column = b->columns;
    ER_ROLLED_ALWAYS
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
    const factors f = factors_of(b->p, channel);
    to += channel;
    ER_ROLLED_ALWAYS
    for (int32_t lane = 0; lane < b->lanes; lane++, to += b->step) {
        *to = output_of(b, f, sums[lane]);
    }
}

/* Whether the assembly serves every channel. */
static int is_quick(const er_conv_s8 *p)
{
    return is_straight(p) || er_all_are_quick(p->shift, p->window.out_c);
}

/* Sets what all blocks share, for outputs that follow each other; `quick` is what is_quick says. */
static void start(block *b, const er_conv_s8 *p, int quick, const er_pair *columns, uint32_t pairs)
{
    const int straight = is_straight(p);
    b->p = p;
    b->pairs = pairs;
    b->step = p->window.out_c;
    b->range = er_range_of(p->out_zero, p->act_min, p->act_max);
    b->quick = quick;
    b->job = (quick_job){.weights = p->weights,
                         .mantissa = p->mantissa,
                         .shift = p->shift,
                         .bias = p->bias,
                         .zero_term = straight ? er_straight_zero(b->range.twice_zero_and_one)
                                               : b->range.twice_zero_and_one};
    set_columns(b, columns);
}

/* All channels of a block. */
ER_ALWAYS_INLINE void make_outputs(block *b, int8_t *to)
{
    const int32_t channels = b->p->window.out_c;
#if defined(__arm__)
    (b->lanes < 3 || channels < 2 ? multiply_lanes : multiply_pairs)(b, to);
#else
    multiply_lanes(b, to);
#endif
    if (channels % 2 != 0) {
        multiply_last(b, to);
    }
}

#endif
