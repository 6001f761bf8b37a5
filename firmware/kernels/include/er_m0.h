/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernels for Armv6-M share. It has eight registers for most instructions, one-cycle
 * multiplications of 32 bits to 32, and loads of signed bytes only by two registers. Sums can live in
 * the other registers, to which it can add; the compilers tried leave them in memory, at eight to
 * nine instructions a product instead of 3.6.
 *
 * All factors must be less than 1/4 (shifts of -2 and below).
 */
#ifndef ER_M0_H
#define ER_M0_H

#include <stdint.h>

#include "er_attributes.h"
#include "er_fixed.h"

/* Four channels of one pixel. The assembly knows the order of the fields. */
typedef struct {
    const int8_t *end;               /* of the inputs */
    const int8_t *rows[4];          /* the ends of rows of weights */
    int32_t minus_count;             /* of inputs, negative */
    int32_t sums[4];           /* biases, then sums */
    const int32_t *mantissa;
    const int8_t *shift;
    int8_t *to;
    int32_t channels; /* of the four, that are stored */
    int32_t twice_zero_and_one;
    int32_t low, high;
} er_four;

#if defined(__arm__)
/* r2: the upper half of r0 times r1, which is 2^31 or more, unsigned; carry: bit 31 of the lower.
 * Four products of 16 bits. Uses r0 to r4; leaves r0 to be added to r2. */
#define ER_HIGH                                                                                    \
    "asrs r2, r0, #16\n\t"                                                                         \
    "uxth r0, r0\n\t"                                                                              \
    "lsrs r3, r1, #16\n\t"                                                                         \
    "uxth r1, r1\n\t"                                                                              \
    "movs r4, r0\n\t"                                                                              \
    "muls r4, r1, r4\n\t"                                                                          \
    "muls r1, r2, r1\n\t"                                                                          \
    "muls r0, r3, r0\n\t"                                                                          \
    "muls r2, r3, r2\n\t"                                                                          \
    "lsrs r4, r4, #16\n\t"                                                                         \
    "adds r1, r1, r4\n\t"                                                                          \
    "uxth r4, r1\n\t"                                                                              \
    "asrs r1, r1, #16\n\t"                                                                         \
    "adds r2, r2, r1\n\t"                                                                          \
    "adds r0, r0, r4\n\t"                                                                          \
    "lsrs r0, r0, #16\n\t"

/* r2: r0 times the mantissa of which r1 is twice, shifted by the byte at r7, less the shift's last
 * place; rounded first of all, and for the last place to be rounded away from zero. */
#define ER_SHIFTED_TWICE                                                                           \
    ER_HIGH                                                                                        \
    "adcs r2, r2, r0\n\t"                                                                          \
    "ldrb r1, [r7]\n\t"                                                                            \
    "mvns r1, r1\n\t"                                                                              \
    "asrs r0, r2, #31\n\t"                                                                         \
    "adds r2, r2, r0\n\t"                                                                          \
    "asrs r2, r2, r1\n\t"

/* The same cut off, by a shift that is marked by 64: for the last place alone to be rounded. */
#define ER_SHIFTED_ONCE                                                                            \
    ER_HIGH                                                                                        \
    "adds r2, r2, r0\n\t"                                                                          \
    "ldrb r1, [r7]\n\t"                                                                            \
    "movs r0, #191\n\t"                                                                            \
    "eors r1, r1, r0\n\t"                                                                          \
    "asrs r2, r2, r1\n\t"

/* One element: the four channels' weights of it. 14 instructions of two bytes each. */
#define ER_FOUR_STEP                                                                               \
    "ldrsb r6, [r0, r5]\n\t"                                                                       \
    "ldrsb r7, [r1, r5]\n\t"                                                                       \
    "muls r7, r6, r7\n\t"                                                                          \
    "add r8, r8, r7\n\t"                                                                           \
    "ldrsb r7, [r2, r5]\n\t"                                                                       \
    "muls r7, r6, r7\n\t"                                                                          \
    "add r9, r9, r7\n\t"                                                                           \
    "ldrsb r7, [r3, r5]\n\t"                                                                       \
    "muls r7, r6, r7\n\t"                                                                          \
    "add r10, r10, r7\n\t"                                                                         \
    "ldrsb r7, [r4, r5]\n\t"                                                                       \
    "muls r7, r6, r7\n\t"                                                                          \
    "add r11, r11, r7\n\t"                                                                         \
    "adds r5, r5, #1\n\t"

#define ER_MULTIPLY_4(shifted)                                                                     \
    "push {r4-r7, lr}\n\t"                                                                         \
    "mov r4, r8\n\t"                                                                               \
    "mov r5, r9\n\t"                                                                               \
    "mov r6, r10\n\t"                                                                              \
    "mov r7, r11\n\t"                                                                              \
    "push {r0, r4-r7}\n\t"                                                                         \
    "movs r7, r0\n\t"                                                                              \
    "adds r7, r7, #24\n\t"                                                                         \
    "ldm r7!, {r1-r4}\n\t"                                                                         \
    "mov r8, r1\n\t"                                                                               \
    "mov r9, r2\n\t"                                                                               \
    "mov r10, r3\n\t"                                                                              \
    "mov r11, r4\n\t"                                                                              \
    "ldm r0, {r0-r5}\n\t"                                                                          \
    /* Into the loop, past the steps that four do not divide. */                                   \
    "movs r6, #3\n\t"                                                                              \
    "ands r6, r6, r5\n\t"                                                                          \
    "movs r7, #28\n\t"                                                                             \
    "muls r6, r7, r6\n\t"                                                                          \
    "adr r7, 1f\n\t"                                                                               \
    "adds r6, r6, r7\n\t"                                                                          \
    "mov pc, r6\n\t"                                                                               \
    ".balign 4\n"                                                                                  \
    "1:\n\t" ER_FOUR_STEP ER_FOUR_STEP ER_FOUR_STEP ER_FOUR_STEP                                   \
    "bne 1b\n\t"                                                                                   \
    "ldr r4, [sp]\n\t"                                                                             \
    "mov r0, r8\n\t"                                                                               \
    "mov r1, r9\n\t"                                                                               \
    "mov r2, r10\n\t"                                                                              \
    "mov r3, r11\n\t"                                                                              \
    "adds r4, r4, #24\n\t"                                                                         \
    "movs r5, r4\n\t"                                                                              \
    "stm r4!, {r0-r3}\n\t"                                                                         \
    "ldm r4!, {r6, r7}\n\t"                                                                        \
    "ldm r4!, {r0, r1, r2, r3}\n\t"                                                                \
    "ldr r4, [r4]\n\t"                                                                             \
    "subs r0, r0, r7\n\t"                                                                          \
    "mov r8, r0\n\t"                                                                               \
    "mov r9, r2\n\t"                                                                               \
    "mov r10, r3\n\t"                                                                              \
    "mov r11, r4\n\t"                                                                              \
    "lsls r1, r1, #2\n\t"                                                                          \
    "adds r1, r1, r5\n\t"                                                                          \
    "mov r12, r1\n"                                                                                \
    /* r5: sums, to r12; r6: mantissas; r7: shifts, r8 bytes before outputs;                       \
     * r9: twice_zero_and_one; r10, r11: the range. */                                             \
    "2:\n\t"                                                                                       \
    "ldm r5!, {r0}\n\t"                                                                            \
    "ldm r6!, {r1}\n\t"                                                                            \
    "lsls r1, r1, #1\n\t" shifted                                                                  \
    "add r2, r2, r9\n\t"                                                                           \
    "asrs r2, r2, #1\n\t"                                                                          \
    "cmp r2, r10\n\t"                                                                              \
    "bge 3f\n\t"                                                                                   \
    "mov r2, r10\n"                                                                                \
    "3:\n\t"                                                                                       \
    "cmp r2, r11\n\t"                                                                              \
    "ble 4f\n\t"                                                                                   \
    "mov r2, r11\n"                                                                                \
    "4:\n\t"                                                                                       \
    "mov r0, r8\n\t"                                                                               \
    "strb r2, [r7, r0]\n\t"                                                                        \
    "adds r7, r7, #1\n\t"                                                                          \
    "cmp r5, r12\n\t"                                                                              \
    "bne 2b\n\t"                                                                                   \
    "pop {r0, r4-r7}\n\t"                                                                          \
    "mov r8, r4\n\t"                                                                               \
    "mov r9, r5\n\t"                                                                               \
    "mov r10, r6\n\t"                                                                              \
    "mov r11, r7\n\t"                                                                              \
    "pop {r4-r7, pc}\n"

static __attribute__((naked, noinline)) void er_multiply_4_twice(__attribute__((unused))
                                                                 er_four *four)
{
    __asm__(".syntax unified\n\t" ER_MULTIPLY_4(ER_SHIFTED_TWICE));
}

static __attribute__((naked, noinline)) void er_multiply_4_once(__attribute__((unused))
                                                                er_four *four)
{
    __asm__(".syntax unified\n\t" ER_MULTIPLY_4(ER_SHIFTED_ONCE));
}

static void er_multiply_4(er_four *four)
{
    (er_layer_rounds_once(four->shift[0]) ? er_multiply_4_once : er_multiply_4_twice)(four);
}
#else
static void er_multiply_4(er_four *four)
{
    for (int32_t channel = 0; channel < four->channels; channel++) {
        uint32_t sum = (uint32_t)four->sums[channel];
        for (int32_t i = four->minus_count; i < 0; i++) {
            sum += (uint32_t)(four->end[i] * four->rows[channel][i]);
        }
        const int32_t scaled =
            er_multiply((int32_t)sum, four->mantissa[channel], four->shift[channel]);
        four->to[channel] = er_offset_and_clamp(scaled, four->twice_zero_and_one >> 1,
                                                four->low, four->high);
    }
}
#endif

/* All `channels` of one pixel, whose `count` inputs end at `end`. In `four` are the range and the
 * zero point; weights are rows of `count` elements; for `scale_step` see er_linear_s8. */
static inline void er_multiply_all(er_four *four, const int8_t *end, int32_t count, int32_t channels,
                                   const int8_t *weights, const int32_t *bias,
                                   const int32_t *mantissa, const int8_t *shift, uint32_t scale_step,
                                   int8_t *to)
{
    four->end = end;
    four->minus_count = -count;
    four->mantissa = mantissa;
    four->shift = shift;
    four->to = to;
    for (; channels > 0; channels -= 4) {
        four->channels = channels < 4 ? channels : 4;
        for (int32_t i = 0; i < 4; i++) {
            if (i < four->channels) { /* else the same row again */
                weights += count;
                four->sums[i] = *bias++;
            }
            four->rows[i] = weights;
        }
        er_multiply_4(four);
        four->mantissa += 4 * scale_step;
        four->shift += 4 * scale_step;
        four->to += 4;
    }
}

#endif
