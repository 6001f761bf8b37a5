/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte a weight, for sums of any size, which never lie on a line.
 */
#define STEP_BYTES "56"
#define SPREAD                                                                                     \
    "sxtb16 r3, r2, ror #8\n\t"                                                                    \
    "sxtb16 r2, r2\n\t"
#define A "r2"
#define B "r3"

#include "er_conv_bytes_dsp.h"

enum { CAN_BE_STRAIGHT = 0 };

static inline void add_word(uint32_t bytes, er_pair column, int32_t sums[2])
{
    sums[0] = er_mac(er_even(bytes), column, sums[0]);
    sums[1] = er_mac(er_odd(bytes), column, sums[1]);
}

static inline void take_apart(int32_t sums[2])
{
    (void)sums;
}

#define START_TWICE                                                                                \
    "ldr r2, [sp, #20]\n\t"                                                                        \
    "ldrd r4, r8, [r2], #8\n\t"                                                                    \
    "str r2, [sp, #20]\n\t"                                                                        \
    "mov r5, r4\n\t"                                                                               \
    "mov r6, r4\n\t"                                                                               \
    "mov r7, r4\n\t"                                                                               \
    "mov r9, r8\n\t"                                                                               \
    "mov r10, r8\n\t"                                                                              \
    "mov r11, r8\n\t"

#define FINISH_TWICE ""

/* Never run. */
#define START_STRAIGHT ""
#define FINISH_STRAIGHT ""

#include "er_conv_dsp.h"
#include "er_conv_patches_dsp.h"

void er_conv_deep_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
