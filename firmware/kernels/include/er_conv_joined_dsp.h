/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution for the DSP extension with a byte a weight, for sums of products of up to 24 bits. The
 * weights of two channels share one SXTB16: bytes a, b are stored as the int16 256 * b + a.
 * Multiplied as they stand, such pairs give 256 * B + A, and their lower bytes alone A, where A and
 * B are the sums of products of each.
 */
#ifndef ER_CONV_JOINED_DSP_H
#define ER_CONV_JOINED_DSP_H

#define STEP_BYTES "52"
#define SPREAD "sxtb16 r3, r2\n\t"
#define A "r3"
#define B "r2"

#include "er_conv_bytes_dsp.h"

enum { CAN_BE_STRAIGHT = 1 };

static inline void add_word(uint32_t bytes, er_pair column, int32_t sums[2])
{
    sums[0] = er_mac(er_even(bytes), column, sums[0]);
    sums[1] = er_mac(bytes, column, sums[1]);
}

static inline void take_apart(int32_t sums[2])
{
    sums[1] = er_wrapping_add(sums[1], -sums[0]) >> 8;
}

/* The bias of a in both sums, which then are 256 * B apart. */
#define START_TWICE                                                                                \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "ldr r4, [r2]\n\t"                                                                             \
    "mov r5, r4\n\t"                                                                               \
    "mov r6, r4\n\t"                                                                               \
    "mov r7, r4\n\t"                                                                               \
    "mov r8, r4\n\t"                                                                               \
    "mov r9, r4\n\t"                                                                               \
    "mov r10, r4\n\t"                                                                              \
    "mov r11, r4\n\t"

#define FINISH_TWICE                                                                               \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "ldr r3, [r2, #4]\n\t"                                                                         \
    "adds r2, r2, #8\n\t"                                                                          \
    "str r2, [sp, #20]\n\t"                                                                        \
    "sub r8, r8, r4\n\t"                                                                           \
    "sub r9, r9, r5\n\t"                                                                           \
    "sub r10, r10, r6\n\t"                                                                         \
    "sub r11, r11, r7\n\t"                                                                         \
    "add r8, r3, r8, asr #8\n\t"                                                                   \
    "add r9, r3, r9, asr #8\n\t"                                                                   \
    "add r10, r3, r10, asr #8\n\t"                                                                 \
    "add r11, r3, r11, asr #8\n\t"

#define START_STRAIGHT                                                                             \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "ldr r8, [r2, #4]\n\t"                                                                         \
    "movs r4, #0\n\t"                                                                              \
    "movs r5, #0\n\t"                                                                              \
    "movs r6, #0\n\t"                                                                              \
    "movs r7, #0\n\t"                                                                              \
    "mov r9, r8\n\t"                                                                               \
    "mov r10, r8\n\t"                                                                              \
    "mov r11, r8\n\t"

#define FINISH_STRAIGHT                                                                            \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "ldr r3, [r2], #8\n\t"                                                                         \
    "str r2, [sp, #20]\n\t"                                                                        \
    "sub r8, r8, r4\n\t"                                                                           \
    "sub r9, r9, r5\n\t"                                                                           \
    "sub r10, r10, r6\n\t"                                                                         \
    "sub r11, r11, r7\n\t"                                                                         \
    "add r4, r3, r4, lsl #8\n\t"                                                                   \
    "add r5, r3, r5, lsl #8\n\t"                                                                   \
    "add r6, r3, r6, lsl #8\n\t"                                                                   \
    "add r7, r3, r7, lsl #8\n\t"

#include "er_conv_dsp.h"

#endif
