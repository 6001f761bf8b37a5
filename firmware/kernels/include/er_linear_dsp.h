/* SPDX-License-Identifier: Apache-2.0
 *
 * Fully connected layers of int8 for the DSP extension, whatever their weights are stored as. Four
 * rows of weights at a time. With a single input, unpacking the weights costs as much as
 * multiplying them, so two rows share one SXTB16: a pair of bytes (a + 128, b) is also the int16
 * 256 * b + a + 128. Multiplied as they stand, such pairs give 256 * B + A', and their lower bytes
 * alone A', where B is the inner product of row b, and A' that of row a plus 128 times the sum of
 * the inputs.
 *
 * Weights, for each two rows and each group of four elements: the words a_0 + 128, b_0, a_2 + 128,
 * b_2 and a_1 + 128, b_1, a_3 + 128, b_3. Four rows at a time alternate group by group; two rows,
 * then one row as it is, are left over. Zeros fill the last group of a row.
 *
 * A kernel defines, before it includes this:
 *     PAIR_BYTES      how many bytes the two words take
 *     first, second   these words
 *     element         one of a row that stands as it is
 *     four_elements   four of them, a byte each
 *     first_sum       what a sum starts with
 *     finished_sum    what a sum of all products becomes
 * and for its assembly the string LOAD, told of below.
 */
#ifndef ER_LINEAR_DSP_H
#define ER_LINEAR_DSP_H

#include "er_dsp.h"
#include "er_kernels.h"

/* B of so many elements, each product at most 2^14, has 24 bits. */
enum { MOST_AT_ONCE = 508 };

/* The sum of all elements of a vector. */
ER_NEVER_INLINE int32_t sum_of(const int8_t *input, uint32_t count)
{
    const er_pair ones = er_pack(1, 1);
    int32_t sum = 0;
    ER_ROLLED_ALWAYS
    for (; count >= 4; count -= 4, input += 4) {
        const uint32_t bytes = er_load(input);
        sum = er_mac(er_odd(bytes), ones, er_mac(er_even(bytes), ones, sum));
    }
    for (; count > 0; count--) {
        sum += *input++;
    }
    return sum;
}

/* What the inner loop works on: A' (`low`) and 256 * B + A' (`both`) of two pairs of rows. Its
 * assembly knows the offsets. */
typedef struct {
    const int8_t *weights;           /* 0 */
    int32_t sums[2][2];              /* 4: low and both of the first pair, then of the second */
    const int8_t *input;             /* 20 */
    const int8_t *end_of_twos, *end; /* 24, 28: of the groups of inputs that are in twos; of all */
} inner;

/* Adds one group of inputs to one pair of rows. */
static inline void add_group(uint32_t input, const int8_t *weights, int32_t sums[2])
{
    const er_pair even = first(weights), odd = second(weights);
    sums[0] = er_mac(er_even_unsigned(even), er_even(input), sums[0]);
    sums[1] = er_mac(even, er_even(input), sums[1]);
    sums[0] = er_mac(er_even_unsigned(odd), er_odd(input), sums[0]);
    sums[1] = er_mac(odd, er_odd(input), sums[1]);
}

/* Adds the last group, of 1 to 3 inputs, to two pairs of rows. */
ER_SMALL void add_tail(inner *in, uint32_t count)
{
    const uint32_t tail = er_load_tail(in->end, count);
    add_group(tail, in->weights, in->sums[0]);
    add_group(tail, in->weights + PAIR_BYTES, in->sums[1]);
    in->weights += 2 * PAIR_BYTES;
}

/* Sets the sums to those of all groups up to the end, and moves the weights on. */
#if defined(__arm__)
/* LOAD brings the two words of both pairs from r1, and moves it on, to r8, r9 and r10, r11. No
 * compiler tried loads four words of weights at once: 1.06 instructions a multiplication instead of
 * 1.25. */
#define GROUP                                                                                      \
    "ldr r2, [r0], #4\n\t" LOAD                                                                    \
    "sxtb16 r3, r2, ror #8\n\t"                                                                    \
    "sxtb16 r2, r2\n\t"                                                                            \
    "uxtb16 r12, r8\n\t"                                                                           \
    "smlad r5, r8, r2, r5\n\t"                                                                     \
    "smlad r4, r12, r2, r4\n\t"                                                                    \
    "uxtb16 r12, r9\n\t"                                                                           \
    "smlad r5, r9, r3, r5\n\t"                                                                     \
    "smlad r4, r12, r3, r4\n\t"                                                                    \
    "uxtb16 r12, r10\n\t"                                                                          \
    "smlad r7, r10, r2, r7\n\t"                                                                    \
    "smlad r6, r12, r2, r6\n\t"                                                                    \
    "uxtb16 r12, r11\n\t"                                                                          \
    "smlad r7, r11, r3, r7\n\t"                                                                    \
    "smlad r6, r12, r3, r6\n\t"

static __attribute__((naked, noinline)) void add_groups(__attribute__((unused)) inner *in)
{
    __asm__("push {r0, r4-r11, lr}\n\t"
            "ldr r1, [r0]\n\t"
            "ldr lr, [r0, #24]\n\t"
            "ldr r0, [r0, #20]\n\t"
            "movs r4, #0\n\t"
            "movs r5, #0\n\t"
            "movs r6, #0\n\t"
            "movs r7, #0\n\t"
            "cmp r0, lr\n\t"
            "beq 2f\n"
            "1:\n\t" GROUP GROUP
            "cmp r0, lr\n\t"
            "bne 1b\n"
            "2:\n\t"
            "ldr r2, [sp]\n\t"
            "ldr r2, [r2, #28]\n\t"
            "cmp r0, r2\n\t"
            "beq 3f\n\t" GROUP
            "3:\n\t"
            "pop {r0}\n\t"
            "str r1, [r0], #4\n\t"
            "stm r0, {r4-r7}\n\t"
            "pop {r4-r11, pc}\n");
}
#else
static void add_groups(inner *in)
{
    in->sums[0][0] = in->sums[0][1] = in->sums[1][0] = in->sums[1][1] = 0;
    for (const int8_t *input = in->input; input != in->end; input += 4) {
        add_group(er_load(input), in->weights, in->sums[0]);
        add_group(er_load(input), in->weights + PAIR_BYTES, in->sums[1]);
        in->weights += 2 * PAIR_BYTES;
    }
}
#endif

/* One call, at one row of inputs. */
typedef struct {
    const er_linear_s8 *p;
    const int8_t *input;
    int8_t *output;
    int32_t correction; /* minus 128 times the sum of the inputs */
    er_range_s8 range;
    int is_ordinary; /* er_scale_by serves all channels, and the range is that of int8 */
} job;

/* Scales and stores `count` outputs from `channel` on, by any scaling and range. */
ER_SMALL void store(const job *j, uint32_t channel, uint32_t count, const int32_t *sums)
{
    const uint32_t first = channel * j->p->scale_step;
    for (uint32_t i = 0; i < count; i++) {
        const er_scaling scaling =
            er_scaling_of(j->p->mantissa[first + i], j->p->shift[first + i]);
        const int32_t sum = finished_sum(j->p->bias[channel + i], sums[i]);
        j->output[channel + i] = er_scale(j->range, scaling, sum);
    }
}

/* The same of four outputs by what is ordinary. */
static inline void store_4(const job *j, uint32_t channel, const int32_t sums[4])
{
    const int32_t *mantissa = j->p->mantissa + channel * j->p->scale_step;
    const int8_t *shift = j->p->shift + channel * j->p->scale_step;
    const int once = er_layer_rounds_once(shift[0]);
    for (uint32_t i = 0; i < 4; i++) {
        const er_scaling scaling = er_scaling_of(mantissa[i], shift[i]);
        const int32_t value = finished_sum(j->p->bias[channel + i], sums[i]);
        j->output[channel + i] =
            (int8_t)er_scale_by(once, value, scaling, j->range.twice_zero_and_one);
    }
}

/* The sums of a pair of rows from its A' and 256 * B + A'. */
static inline void add_pair(const int32_t low_and_both[2], int32_t sums[2])
{
    const int32_t low = low_and_both[0], high = er_wrapping_add(low_and_both[1], -low) >> 8;
    sums[0] = er_wrapping_add(sums[0], low);
    sums[1] = er_wrapping_add(sums[1], high);
}

/* What sums of two rows start with. */
static inline void start_pair(const job *j, uint32_t channel, int32_t sums[2])
{
    sums[0] = er_wrapping_add(first_sum(j->p->bias[channel]), j->correction);
    sums[1] = first_sum(j->p->bias[channel + 1]);
}

/* Four outputs from `channel` on; returns the weights that follow. */
static const int8_t *multiply_4(const job *j, const int8_t *weights, uint32_t channel)
{
    inner in = {.weights = weights, .end = j->input};
    int32_t sums[4];
    start_pair(j, channel, sums);
    start_pair(j, channel + 2, sums + 2);
    for (uint32_t left = j->p->in; left > 0;) {
        const uint32_t now = left < MOST_AT_ONCE ? left : MOST_AT_ONCE;
        in.input = in.end;
        in.end_of_twos = in.input + now / 8 * 8;
        in.end = in.input + now / 4 * 4;
        add_groups(&in);
        if (now % 4 != 0) {
            add_tail(&in, now % 4);
        }
        add_pair(in.sums[0], sums);
        add_pair(in.sums[1], sums + 2);
        left -= now;
    }
    if (j->is_ordinary) {
        store_4(j, channel, sums);
    } else {
        store(j, channel, 4, sums);
    }
    return in.weights;
}

/* Two outputs from `channel` on; returns the weights that follow. */
ER_NEVER_INLINE const int8_t *multiply_2(const job *j, const int8_t *weights, uint32_t channel)
{
    const int8_t *input = j->input;
    int32_t sums[2];
    start_pair(j, channel, sums);
    for (uint32_t left = j->p->in; left > 0;) {
        const uint32_t now = left < MOST_AT_ONCE ? left : MOST_AT_ONCE;
        const int8_t *const end = input + now / 4 * 4;
        int32_t pair[2] = {0, 0};
        ER_ROLLED_ALWAYS
        for (; input != end; input += 4, weights += PAIR_BYTES) {
            add_group(er_load(input), weights, pair);
        }
        if (now % 4 != 0) {
            add_group(er_load_tail(input, now % 4), weights, pair);
            weights += PAIR_BYTES;
        }
        add_pair(pair, sums);
        left -= now;
    }
    store(j, channel, 2, sums);
    return weights;
}

/* The odd last output. */
ER_SMALL void multiply_1(const job *j, const int8_t *weights, uint32_t channel)
{
    const int8_t *input = j->input;
    const uint32_t count = j->p->in;
    int32_t sum = first_sum(j->p->bias[channel]);
    uint32_t i = 0;
    ER_ROLLED_ALWAYS
    for (; count - i >= 4; i += 4) {
        const uint32_t x = er_load(input + i), w = four_elements(weights, i);
        sum = er_mac(er_odd(x), er_odd(w), er_mac(er_even(x), er_even(w), sum));
    }
    ER_ROLLED_ALWAYS
    for (; i < count; i++) {
        sum = er_wrapping_add(sum, input[i] * element(weights, i));
    }
    store(j, channel, 1, &sum);
}

ER_ALWAYS_INLINE void multiply(const er_linear_s8 *p, const int8_t *input, int8_t *output)
{
    job j = {.p = p,
             .input = input,
             .output = output,
             .range = er_range_of(p->out_zero, p->act_min, p->act_max)};
    j.is_ordinary = !er_is_partial(j.range) && er_all_are_quick(p->shift, p->scale_step == 0 ? 1 : p->out);
    for (uint32_t row = 0; row < p->rows; row++, j.input += p->in, j.output += p->out) {
        const int8_t *weights = p->weights;
        uint32_t channel = 0;
        j.correction = er_shift_left(-sum_of(j.input, p->in), 7);
        for (; p->out - channel >= 4; channel += 4) {
            weights = multiply_4(&j, weights, channel);
        }
        if (p->out - channel >= 2) {
            weights = multiply_2(&j, weights, channel);
            channel += 2;
        }
        if (channel < p->out) {
            multiply_1(&j, weights, channel);
        }
    }
}

#endif
