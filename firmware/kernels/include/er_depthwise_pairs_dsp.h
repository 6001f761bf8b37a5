/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loop of 3 x 3 depthwise convolution in assembly, two outputs of a row at a time. As for
 * er_conv_s8_dsp, it needs all registers there are; compiled from intrinsics it takes 72
 * instructions instead of 37.
 */
#ifndef ER_DEPTHWISE_PAIRS_DSP_H
#define ER_DEPTHWISE_PAIRS_DSP_H

/* Two sums, r10 and r11, of a row of inputs at `row` and of weights `first` and `last`. */
#define STRIDE_1(row, first, last)                                                                 \
    "ldrd r3, r12, [" row "], #4\n\t"                                                              \
    "smlad r10, r3, " first ", r10\n\t"                                                            \
    "smlabt r10, r12, " last ", r10\n\t"                                                           \
    "smlatb r11, r3, " first ", r11\n\t"                                                           \
    "smlad r11, r12, " last ", r11\n\t"

#define STRIDE_2(row, first, last)                                                                 \
    "ldrd r3, r12, [" row "], #8\n\t"                                                              \
    "smlad r10, r3, " first ", r10\n\t"                                                            \
    "ldr r3, [" row "]\n\t"                                                                        \
    "smlabt r10, r12, " last ", r10\n\t"                                                           \
    "smlad r11, r12, " first ", r11\n\t"                                                           \
    "smlabt r11, r3, " last ", r11\n\t"

/* er_scale_quickly, before it saturates, of both sums; twice_mantissa in r3, twice_zero_and_one in
 * r12. */
#define SCALE_TWICE                                                                                \
    "smmlar r10, r10, r3, r10\n\t"                                                                 \
    "smmlar r11, r11, r3, r11\n\t"                                                                 \
    "ldr r3, [sp, #20]\n\t"                                                                        \
    "add r10, r10, r10, asr #31\n\t"                                                               \
    "add r11, r11, r11, asr #31\n\t"                                                               \
    "asr r10, r10, r3\n\t"                                                                         \
    "asr r11, r11, r3\n\t"                                                                         \
    "add r10, r10, r12\n\t"                                                                        \
    "add r11, r11, r12\n\t"                                                                        \
    "ssat r10, #8, r10, asr #1\n\t"                                                                \
    "ssat r11, #8, r11, asr #1\n\t"

/* One row of outputs at lr, from rows of inputs at r0, r1 and r2, and weights: of each row the first
 * two in r4, r5, r6, and the last two in r7, r8, r9. Of an odd number of outputs, one more is made
 * and not stored. On the stack: 0 bias, 4 mantissa, 8 zero_term, 12 how many are left, 16 step from
 * output to output, 20 halved. */
#define PAIRS(stride, scale)                                                                       \
    "1:\n\t"                                                                                       \
    "ldr r10, [sp]\n\t"                                                                            \
    "mov r11, r10\n\t" stride("r0", "r4", "r7") stride("r1", "r5", "r8") stride("r2", "r6", "r9")  \
    "ldrd r3, r12, [sp, #4]\n\t" scale                                                             \
    "ldrd r3, r12, [sp, #12]\n\t"                                                                  \
    "strb r10, [lr]\n\t"                                                                           \
    "subs r3, r3, #2\n\t"                                                                          \
    "str r3, [sp, #12]\n\t"                                                                        \
    "it pl\n\t"                                                                                    \
    "strbpl r11, [lr, r12]\n\t"                                                                    \
    "add lr, lr, r12, lsl #1\n\t"                                                                  \
    "bgt 1b\n\t"

#endif
