/* SPDX-License-Identifier: Apache-2.0
 *
 * Half a byte a weight. Of the words that er_conv_dsp.h tells of, each two of every whole four
 * share one: the first has the upper halves of its bytes, the second the lower. Words left over
 * have the upper halves alone, and so has the last pair of an odd last channel, of two bytes.
 *
 * Masked as they stand, halves are 16 times the weights, as int8. So are sums, which 32 bits hold
 * for up to 2^17 elements; the bias comes in afterwards.
 */
#include "er_dsp.h"

enum { UPPER = 0xf0, WEIGHT_BITS = 4, CAN_BE_STRAIGHT = 1 };

/* The upper halves of all bytes. */
static inline uint32_t upper(uint32_t bytes)
{
    return bytes & 0xf0f0f0f0;
}

static inline uint32_t words_bytes(uint32_t count)
{
    return count / 4 * 8 + count % 4 * 4;
}

static inline uint32_t word(const int8_t *weights, uint32_t index, uint32_t count)
{
    const uint32_t shared = count / 4 * 4;
    if (index < shared) {
        const uint32_t both = er_load(weights + index / 2 * 4);
        return upper(index % 2 == 0 ? both : both << 4);
    }
    return upper(er_load(weights + shared * 2 + (index - shared) * 4));
}

static inline er_pair last_pair(const int8_t *weights)
{
    return er_pack((int8_t)(weights[0] & UPPER), (int8_t)(weights[1] & UPPER));
}

static inline void add_word(uint32_t bytes, er_pair column, int32_t sums[2])
{
    sums[0] = er_mac(er_even(bytes), column, sums[0]);
    sums[1] = er_mac(er_odd(bytes), column, sums[1]);
}

static inline void take_apart(int32_t sums[2])
{
    (void)sums;
}

/* Where the columns that are in fours end. */
static inline uint32_t loop_of(const er_pair *columns, uint32_t pairs)
{
    return (uint32_t)(uintptr_t)(columns + pairs / 4 * 4 * 4);
}

#define PREPARE ""

#define START_TWICE                                                                                \
    "movs r4, #0\n\t"                                                                              \
    "movs r5, #0\n\t"                                                                              \
    "movs r6, #0\n\t"                                                                              \
    "movs r7, #0\n\t"                                                                              \
    "mov r8, r4\n\t"                                                                               \
    "mov r9, r4\n\t"                                                                               \
    "mov r10, r4\n\t"                                                                              \
    "mov r11, r4\n\t"

/* Adds the pair whose weights are the upper halves of r2. */
#define ADD_UPPER                                                                                  \
    "ldrd r12, lr, [r1], #8\n\t"                                                                   \
    "and r2, r2, #0xf0f0f0f0\n\t"                                                                  \
    "sxtb16 r3, r2, ror #8\n\t"                                                                    \
    "sxtb16 r2, r2\n\t"                                                                            \
    "smlad r4, r2, r12, r4\n\t"                                                                    \
    "smlad r8, r3, r12, r8\n\t"                                                                    \
    "smlad r5, r2, lr, r5\n\t"                                                                     \
    "smlad r9, r3, lr, r9\n\t"                                                                     \
    "ldrd r12, lr, [r1], #8\n\t"                                                                   \
    "smlad r6, r2, r12, r6\n\t"                                                                    \
    "smlad r10, r3, r12, r10\n\t"                                                                  \
    "smlad r7, r2, lr, r7\n\t"                                                                     \
    "smlad r11, r3, lr, r11\n\t"

/* No register is left to keep a word in: it is loaded twice. */
#define TWO_STEPS                                                                                  \
    "ldr r2, [r0]\n\t" ADD_UPPER                                                                   \
    "ldr r2, [r0], #4\n\t"                                                                         \
    "lsl r2, r2, #4\n\t" ADD_UPPER

/* Turns of four steps, then of one. */
#define LOOP                                                                                       \
    "b 3f\n"                                                                                       \
    "2:\n\t" TWO_STEPS TWO_STEPS "3:\n\t"                                                         \
    "ldr r2, [sp, #8]\n\t"                                                                         \
    "cmp r1, r2\n\t"                                                                               \
    "bne 2b\n\t"                                                                                   \
    "b 5f\n"                                                                                       \
    "4:\n\t"                                                                                       \
    "ldr r2, [r0], #4\n\t" ADD_UPPER "5:\n\t"                                                     \
    "ldr r2, [sp, #4]\n\t"                                                                         \
    "cmp r1, r2\n\t"                                                                               \
    "bne 4b\n\t"

#define START_STRAIGHT START_TWICE

#define FINISH(shift)                                                                              \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "ldrd r3, r1, [r2], #8\n\t"                                                                    \
    "str r2, [sp, #20]\n\t"                                                                        \
    "add r4, r3, r4, " shift "\n\t"                                                                \
    "add r5, r3, r5, " shift "\n\t"                                                                \
    "add r6, r3, r6, " shift "\n\t"                                                                \
    "add r7, r3, r7, " shift "\n\t"                                                                \
    "add r8, r1, r8, " shift "\n\t"                                                                \
    "add r9, r1, r9, " shift "\n\t"                                                                \
    "add r10, r1, r10, " shift "\n\t"                                                              \
    "add r11, r1, r11, " shift "\n\t"

#define FINISH_TWICE FINISH("asr #4")
#define FINISH_STRAIGHT FINISH("lsl #4")

#include "er_conv_dsp.h"
#include "er_conv_patches_dsp.h"

void er_conv_s8w4_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
