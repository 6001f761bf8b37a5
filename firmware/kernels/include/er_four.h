/* SPDX-License-Identifier: Apache-2.0
 *
 * Inner products for RV32IM, which has registers for eight sums and multiplies in one instruction,
 * but adds in another and loads bytes one by one: four channels by two vectors take 2.9 instructions
 * a product, where one channel by one vector takes 6.
 *
 * Weights are those of four channels side by side, element by element; where the last group has
 * fewer channels, weights of 0 stand for the others.
 */
#ifndef ER_FOUR_H
#define ER_FOUR_H

#include <stdint.h>

#include "er_attributes.h"

enum { ER_CHANNELS = 4 };

/* What follows is loaded once these four sums are done: compilers tried load all they can first, and
 * keep that in memory, for want of registers. */
#if defined(__GNUC__)
#define ER_DONE(s)                                                                                 \
    __asm__ volatile("" : "+r"((s)[0]), "+r"((s)[1]), "+r"((s)[2]), "+r"((s)[3]) : : "memory")
#else
#define ER_DONE(s) (void)0
#endif

/* One element of one vector. */
ER_ALWAYS_INLINE void er_add_products(const int8_t *weights, int32_t x, uint32_t *sums)
{
    for (int32_t i = 0; i < ER_CHANNELS; i++) {
        sums[i] += (uint32_t)(x * weights[i]);
    }
}

/* Adds the products of the four channels with a vector, modulo 2^32. */
ER_NEVER_INLINE void er_multiply_one(const int8_t *weights, const int8_t *a, int32_t depth,
                                     uint32_t *sums)
{
    uint32_t kept[ER_CHANNELS];
    __builtin_memcpy(kept, sums, sizeof kept);
    for (; depth >= 4; depth -= 4, a += 4, weights += 4 * ER_CHANNELS) {
        er_add_products(weights, a[0], kept);
        ER_DONE(kept);
        er_add_products(weights + ER_CHANNELS, a[1], kept);
        ER_DONE(kept);
        er_add_products(weights + 2 * ER_CHANNELS, a[2], kept);
        ER_DONE(kept);
        er_add_products(weights + 3 * ER_CHANNELS, a[3], kept);
    }
    ER_ROLLED_ALWAYS
    for (; depth > 0; depth--, a++, weights += ER_CHANNELS) {
        er_add_products(weights, a[0], kept);
    }
    __builtin_memcpy(sums, kept, sizeof kept);
}

#endif
