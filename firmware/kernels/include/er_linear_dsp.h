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
 *     WEIGHT_BITS     zeros behind each weight, and so behind each sum of products
 *     first, second   these words
 *     element         one of a row that stands as it is
 *     four_elements   four of them, a byte each
 * and for its assembly the strings LOAD and GROUP_BYTES, told of below, and the shifts that make a
 * sum of products A, and 256 * B, the sum that is scaled: of each way, A_TWICE and B_TWICE, and
 * A_STRAIGHT and B_STRAIGHT.
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

/* One call, at one row of inputs. */
typedef struct {
    const er_linear_s8 *p;
    const int8_t *input;
    int8_t *output;
    int32_t correction; /* minus 128 times the sum of the inputs */
    er_range_s8 range;
} job;

/* Whether the outputs of a layer lie on a line. */
static inline int is_straight(const er_linear_s8 *p)
{
    return ER_LINEAR_STRAIGHT && (!ER_LINEAR_OTHER || p->shift == NULL);
}

#if defined(__arm__)
/* What the loop in assembly reads, which makes four outputs at a time. It knows the order. */
typedef struct {
    const int8_t *weights;
    const int8_t *input, *end; /* of whole groups */
    uint32_t left_out;         /* groups that its first turn has less than four */
    uint32_t tail, has_tail;   /* the last group, if it is not whole */
    int32_t correction;
    const int32_t *bias, *mantissa;
    const int8_t *shift;
    int32_t zero_term; /* twice_zero_and_one, or of the straight way er_straight_zero of it */
    int8_t *to;
    const int8_t *end_of_to;
    int32_t advance; /* from mantissas to the next, in bytes */
} quick_job;

/* Sums start with the correction: r4 is A of the first pair of rows, r5 less r4 256 * B, r6 and r7
 * those of the second. LOAD brings the two words of both pairs from r1, and moves it on, to r8, r9
 * and r10, r11; each of its instructions has four bytes. No compiler tried loads four words of
 * weights at once: 1.06 instructions a multiplication instead of 1.25. */
#define ADD_GROUP                                                                                  \
    LOAD                                                                                           \
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

#define GROUP "ldr r2, [r0], #4\n\t" ADD_GROUP

/* er_scale_quickly, of twice_zero_and_one in r3 and the shift at lr. */
#define SCALE_TWICE(r, mantissa)                                                                   \
    "ldrsb r2, [lr], #1\n\t"                                                                       \
    "lsls " mantissa ", " mantissa ", #1\n\t"                                                      \
    "smmlar " r ", " r ", " mantissa ", " r "\n\t"                                                 \
    "mvns r2, r2\n\t"                                                                              \
    "add " r ", " r ", " r ", asr #31\n\t"                                                         \
    "asr " r ", " r ", r2\n\t"                                                                     \
    "add " r ", " r ", r3\n\t"                                                                     \
    "ssat " r ", #8, " r ", asr #1\n\t"                                                            \
    "strb " r ", [r12], #1\n\t"

/* Loads where the shifts are, and moves them on by a fourth of what mantissas go on by, in r12. */
#define SHIFTS                                                                                     \
    "ldr lr, [sp, #32]\n\t"                                                                        \
    "add r12, lr, r12, lsr #2\n\t"                                                                 \
    "str r12, [sp, #32]\n\t"

/* er_scale_straight, of er_straight_zero in r3. */
#define SCALE_STRAIGHT(r, mantissa)                                                                \
    "smmla " r ", " r ", " mantissa ", r3\n\t"                                                     \
    "ssat " r ", #8, " r ", asr #12\n\t"                                                           \
    "strb " r ", [r12], #1\n\t"

/* On the stack: 0 input, 4 end, 8 where the loop is entered, 12 tail, 16 has_tail, 20 correction,
 * 24 bias, 28 mantissa, 32 shift, 36 zero_term, 40 to, 44 end_of_to, 48 advance. */
#define MULTIPLY(a, b, shifts, scale)                                                              \
    "push {r4-r11, lr}\n\t"                                                                        \
    "ldrd r1, r2, [r0, #48]\n\t"                                                                   \
    "push {r1, r2}\n\t"                                                                            \
    "ldm r0, {r1-r12}\n\t"                                                                         \
    "movs r0, #" GROUP_BYTES "\n\t"                                                                \
    "adr lr, 2f\n\t"                                                                               \
    "mla r4, r4, r0, lr\n\t"                                                                       \
    "adds r4, r4, #1\n\t" /* the mark of Thumb code */                                             \
    "push {r2-r12}\n"                                                                              \
    "1:\n\t"                                                                                       \
    "ldr r4, [sp, #20]\n\t"                                                                        \
    "ldrd r0, lr, [sp]\n\t"                                                                        \
    "mov r5, r4\n\t"                                                                               \
    "mov r6, r4\n\t"                                                                               \
    "mov r7, r4\n\t"                                                                               \
    "cmp r0, lr\n\t"                                                                               \
    "beq 3f\n\t"                                                                                   \
    "ldr pc, [sp, #8]\n\t"                                                                         \
    ".balign 4\n"                                                                                  \
    "2:\n\t" GROUP GROUP GROUP GROUP                                                              \
    "cmp r0, lr\n\t"                                                                               \
    "bne 2b\n"                                                                                     \
    "3:\n\t"                                                                                       \
    "ldrd r2, r3, [sp, #12]\n\t"                                                                   \
    "cbz r3, 4f\n\t" ADD_GROUP "4:\n\t"                                                          \
    "sub r5, r5, r4\n\t"                                                                           \
    "sub r7, r7, r6\n\t"                                                                           \
    "ldrd r2, r3, [sp, #24]\n\t"                                                                   \
    "ldm r2!, {r8-r11}\n\t"                                                                        \
    "add r4, r8, r4" a "\n\t"                                                                      \
    "add r5, r9, r5" b "\n\t"                                                                      \
    "add r6, r10, r6" a "\n\t"                                                                     \
    "add r7, r11, r7" b "\n\t"                                                                     \
    "ldr r12, [sp, #48]\n\t"                                                                       \
    "ldm r3, {r8-r11}\n\t"                                                                         \
    "add r3, r3, r12\n\t"                                                                          \
    "strd r2, r3, [sp, #24]\n\t" shifts                                                            \
    "ldrd r3, r12, [sp, #36]\n\t"                                                                  \
    scale("r4", "r8") scale("r5", "r9") scale("r6", "r10") scale("r7", "r11")                      \
    "ldr r2, [sp, #44]\n\t"                                                                        \
    "str r12, [sp, #40]\n\t"                                                                       \
    "cmp r12, r2\n\t"                                                                              \
    "bne 1b\n\t"                                                                                   \
    "add sp, sp, #52\n\t"                                                                          \
    "pop {r4-r11, pc}\n"

static __attribute__((naked, noinline)) void multiply_twice(__attribute__((unused))
                                                            const quick_job *job)
{
    __asm__(MULTIPLY(A_TWICE, B_TWICE, SHIFTS, SCALE_TWICE));
}

static __attribute__((naked, noinline)) void multiply_straight(__attribute__((unused))
                                                               const quick_job *job)
{
    __asm__(MULTIPLY(A_STRAIGHT, B_STRAIGHT, "", SCALE_STRAIGHT));
}

/* What is left to do where the range is smaller than int8. */
ER_SMALL void clamp(const job *j, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        j->output[i] = (int8_t)er_clamp(j->range, j->output[i]);
    }
}

/* `count` outputs, which are whole fours. */
static void multiply_fours(const job *j, uint32_t count)
{
    const er_linear_s8 *p = j->p;
    const uint32_t groups = p->in / 4, rest = p->in % 4;
    const int8_t *end = j->input + 4 * groups;
    const int32_t zero = j->range.twice_zero_and_one;
    const quick_job quick = {
        .weights = p->weights,
        .input = j->input,
        .end = end,
        .left_out = -groups % 4,
        .tail = rest > 0 ? er_load_tail(end, rest) : 0,
        .has_tail = rest,
        .correction = j->correction,
        .bias = p->bias,
        .mantissa = p->mantissa,
        .shift = p->shift,
        .zero_term = is_straight(p) ? er_straight_zero(zero) : zero,
        .to = j->output,
        .end_of_to = j->output + count,
        .advance = p->scale_step > 0 ? 16 : 0,
    };
    (is_straight(p) ? multiply_straight : multiply_twice)(&quick);
    if (er_is_partial(j->range)) {
        clamp(j, count);
    }
}

/* Whether multiply_fours serves: of other sums, those that are not scaled modulo 2^32 need to be
 * taken apart before they end. */
static int is_quick(const er_linear_s8 *p)
{
    return is_straight(p) || (p->in <= MOST_AT_ONCE &&
                              er_all_are_quick(p->shift, p->scale_step == 0 ? 1 : p->out));
}
#else
static void multiply_fours(const job *j, uint32_t count)
{
    (void)j;
    (void)count;
}

static int is_quick(const er_linear_s8 *p)
{
    (void)p;
    return 0;
}
#endif

/* What a sum of products becomes. */
static int8_t output_of(const job *j, uint32_t channel, int32_t products)
{
    const er_linear_s8 *p = j->p;
    const uint32_t i = channel * p->scale_step;
    const int32_t bias = p->bias[channel], zero = j->range.twice_zero_and_one;
    if (is_straight(p)) {
        const int32_t sum = er_wrapping_add(bias, er_shift_left(products, 8 - WEIGHT_BITS));
        const int32_t value = er_scale_straight(sum, p->mantissa[i], er_straight_zero(zero));
        return (int8_t)er_clamp(j->range, value);
    }
    const int32_t sum = er_wrapping_add(bias, products >> WEIGHT_BITS);
    return er_scale(j->range, er_scaling_of(p->mantissa[i], p->shift[i]), sum);
}

/* Adds one group of inputs to A' and 256 * B + A' of a pair of rows. */
static inline void add_group(uint32_t input, const int8_t *weights, int32_t sums[2])
{
    const er_pair even = first(weights), odd = second(weights);
    sums[0] = er_mac(er_even_unsigned(even), er_even(input), sums[0]);
    sums[1] = er_mac(even, er_even(input), sums[1]);
    sums[0] = er_mac(er_even_unsigned(odd), er_odd(input), sums[0]);
    sums[1] = er_mac(odd, er_odd(input), sums[1]);
}

/* Two outputs from `channel` on, whose weights are `step` apart from group to group. */
ER_NEVER_INLINE void multiply_2(const job *j, const int8_t *weights, uint32_t step,
                                uint32_t channel)
{
    const int8_t *input = j->input;
    int32_t sums[2] = {j->correction, 0};
    for (uint32_t left = j->p->in; left > 0;) {
        const uint32_t now = left < MOST_AT_ONCE ? left : MOST_AT_ONCE;
        const int8_t *const end = input + now / 4 * 4;
        int32_t pair[2] = {0, 0};
        ER_ROLLED_ALWAYS
        for (; input != end; input += 4, weights += step) {
            add_group(er_load(input), weights, pair);
        }
        if (now % 4 != 0) {
            add_group(er_load_tail(input, now % 4), weights, pair);
        }
        sums[0] = er_wrapping_add(sums[0], pair[0]);
        sums[1] = er_wrapping_add(sums[1], er_wrapping_add(pair[1], -pair[0]) >> 8);
        left -= now;
    }
    j->output[channel] = output_of(j, channel, sums[0]);
    j->output[channel + 1] = output_of(j, channel + 1, sums[1]);
}

/* The odd last output. */
ER_SMALL void multiply_1(const job *j, const int8_t *weights, uint32_t channel)
{
    const int8_t *input = j->input;
    const uint32_t count = j->p->in;
    int32_t sum = 0;
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
    j->output[channel] = output_of(j, channel, sum);
}

ER_ALWAYS_INLINE void multiply(const er_linear_s8 *p, const int8_t *input, int8_t *output)
{
    job j = {.p = p,
             .input = input,
             .output = output,
             .range = er_range_of(p->out_zero, p->act_min, p->act_max)};
    const uint32_t fours = p->out / 4 * 4, pair_bytes = (p->in + 3) / 4 * PAIR_BYTES;
    const uint32_t quick = is_quick(p) ? fours : 0;
    for (uint32_t row = 0; row < p->rows; row++, j.input += p->in, j.output += p->out) {
        uint32_t channel = quick;
        j.correction = er_shift_left(-sum_of(j.input, p->in), 7);
        if (quick > 0) {
            multiply_fours(&j, quick);
        }
        const int8_t *weights = p->weights + channel / 2 * pair_bytes;
        for (; channel < fours; channel += 4, weights += 2 * pair_bytes) {
            multiply_2(&j, weights, 2 * PAIR_BYTES, channel);
            multiply_2(&j, weights + PAIR_BYTES, 2 * PAIR_BYTES, channel + 2);
        }
        if (p->out - channel >= 2) {
            multiply_2(&j, weights, PAIR_BYTES, channel);
            weights += pair_bytes;
            channel += 2;
        }
        if (channel < p->out) {
            multiply_1(&j, weights, channel);
        }
    }
}

#endif
