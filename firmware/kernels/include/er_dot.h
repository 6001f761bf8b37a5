/* SPDX-License-Identifier: Apache-2.0
 *
 * Inner products for the portable kernels.
 */
#ifndef ER_DOT_H
#define ER_DOT_H

#include <stdint.h>

#include "er_attributes.h"

/* Adds to two sums, modulo 2^32, the inner products of `a` with two vectors. */
static inline void er_dot_2(const int8_t *a, const int8_t *first, const int8_t *second,
                            int32_t count, uint32_t sums[2])
{
    uint32_t sum_0 = sums[0], sum_1 = sums[1];
    ER_ROLLED
    for (int32_t i = 0; i < count; i++) {
        const int32_t x = a[i];
        sum_0 += (uint32_t)(x * first[i]);
        sum_1 += (uint32_t)(x * second[i]);
    }
    sums[0] = sum_0;
    sums[1] = sum_1;
}

/* The same with one vector. */
static inline void er_dot_1(const int8_t *a, const int8_t *b, int32_t count, uint32_t *sum)
{
    uint32_t total = *sum;
    ER_ROLLED
    for (int32_t i = 0; i < count; i++) {
        total += (uint32_t)(a[i] * b[i]);
    }
    *sum = total;
}

#endif
