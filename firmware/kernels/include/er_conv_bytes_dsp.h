/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution for the DSP extension with a byte a weight: words are as er_conv_dsp.h has them, the
 * last pair of an odd last channel is two bytes. A kernel defines before STEP_BYTES, how many bytes
 * of code a step takes, and SPREAD, which makes of the word in r2 the pairs that are multiplied for
 * channel a, in A, and for b, in B.
 */
#ifndef ER_CONV_BYTES_DSP_H
#define ER_CONV_BYTES_DSP_H

#include "er_dsp.h"

enum { WEIGHT_BITS = 0 };

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

/* How many of the eight steps of the loop's first turn are left out. */
static inline uint32_t loop_of(const er_pair *columns, uint32_t pairs)
{
    (void)columns;
    return -pairs % 8;
}

/* The address, with the mark of Thumb code, at which the loop is entered. */
#define PREPARE                                                                                    \
    "movs r12, #" STEP_BYTES "\n\t"                                                                \
    "adr lr, 2f\n\t"                                                                               \
    "mla r3, r3, r12, lr\n\t"                                                                      \
    "adds r3, r3, #1\n\t"

/* Instructions of four bytes each. Single words loaded one after the other take a cycle less than a
 * pair behind a single one. */
#define STEP                                                                                       \
    "ldr r2, [r0], #4\n\t"                                                                         \
    "ldr lr, [r1, #4]\n\t"                                                                         \
    "ldr r12, [r1], #16\n\t" SPREAD                                                                \
    "smlad r4, " A ", r12, r4\n\t"                                                                 \
    "smlad r8, " B ", r12, r8\n\t"                                                                 \
    "smlad r5, " A ", lr, r5\n\t"                                                                  \
    "smlad r9, " B ", lr, r9\n\t"                                                                  \
    "ldrd r12, lr, [r1, #-8]\n\t"                                                                  \
    "smlad r6, " A ", r12, r6\n\t"                                                                 \
    "smlad r10, " B ", r12, r10\n\t"                                                               \
    "smlad r7, " A ", lr, r7\n\t"                                                                  \
    "smlad r11, " B ", lr, r11\n\t"

#define LOOP                                                                                       \
    "ldr pc, [sp, #8]\n\t"                                                                         \
    ".balign 4\n"                                                                                  \
    "2:\n\t" STEP STEP STEP STEP STEP STEP STEP STEP                                              \
    "ldr r2, [sp, #4]\n\t"                                                                         \
    "cmp r1, r2\n\t"                                                                               \
    "bne 2b\n\t"

#endif
