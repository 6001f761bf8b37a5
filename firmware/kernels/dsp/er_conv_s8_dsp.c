/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte a weight: words are as er_conv_dsp.h has them, the last pair of an odd last channel is two
 * bytes.
 */
#include "er_dsp.h"

static inline uint32_t words_bytes(uint32_t count)
{
    return 4 * count;
}

static inline uint32_t word(const int8_t *weights, uint32_t index, uint32_t count)
{
    (void)count;
    return er_load(weights + 4 * index);
}

static inline er_pair last_pair(const int8_t *weights)
{
    return er_pack(weights[0], weights[1]);
}

static inline int32_t first_sum(int32_t bias)
{
    return bias;
}

static inline int32_t finished_sum(int32_t bias, int32_t sum)
{
    (void)bias;
    return sum;
}

/* How many of the eight steps of the loop's first turn are left out. */
static inline uint32_t loop_of(const er_pair *columns, uint32_t pairs)
{
    (void)columns;
    return -pairs % 8;
}

/* The address, with the mark of Thumb code, at which the loop is entered. */
#define PREPARE                                                                                    \
    "movs r12, #56\n\t"                                                                            \
    "adr lr, 2f\n\t"                                                                               \
    "mla r3, r3, r12, lr\n\t"                                                                      \
    "adds r3, r3, #1\n\t"

#define START                                                                                      \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "ldrd r4, r8, [r2], #8\n\t"                                                                    \
    "str r2, [sp, #20]\n\t"                                                                        \
    "mov r5, r4\n\t"                                                                               \
    "mov r6, r4\n\t"                                                                               \
    "mov r7, r4\n\t"                                                                               \
    "mov r9, r8\n\t"                                                                               \
    "mov r10, r8\n\t"                                                                              \
    "mov r11, r8\n\t"

/* 14 instructions of four bytes each. Single words loaded one after the other take a cycle less than
 * a pair behind a single one. */
#define STEP                                                                                       \
    "ldr r2, [r0], #4\n\t"                                                                         \
    "ldr lr, [r1, #4]\n\t"                                                                         \
    "ldr r12, [r1], #16\n\t"                                                                       \
    "sxtb16 r3, r2, ror #8\n\t"                                                                    \
    "sxtb16 r2, r2\n\t"                                                                            \
    "smlad r4, r2, r12, r4\n\t"                                                                    \
    "smlad r8, r3, r12, r8\n\t"                                                                    \
    "smlad r5, r2, lr, r5\n\t"                                                                     \
    "smlad r9, r3, lr, r9\n\t"                                                                     \
    "ldrd r12, lr, [r1, #-8]\n\t"                                                                  \
    "smlad r6, r2, r12, r6\n\t"                                                                    \
    "smlad r10, r3, r12, r10\n\t"                                                                  \
    "smlad r7, r2, lr, r7\n\t"                                                                     \
    "smlad r11, r3, lr, r11\n\t"

#define LOOP                                                                                       \
    "ldr pc, [sp, #8]\n\t"                                                                         \
    ".balign 4\n"                                                                                  \
    "2:\n\t" STEP STEP STEP STEP STEP STEP STEP STEP                                              \
    "ldr r2, [sp, #4]\n\t"                                                                         \
    "cmp r1, r2\n\t"                                                                               \
    "bne 2b\n\t"

#define FINISH ""

#include "er_conv_dsp.h"

void er_conv_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
