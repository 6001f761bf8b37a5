/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops of reductions: a start for each output, and the elements from there on.
 */
#ifndef ER_REDUCTION_H
#define ER_REDUCTION_H

#include "er_kernels.h"
#include "er_stored.h"

typedef enum { ER_SUM, ER_LARGEST, ER_SMALLEST, ER_PRODUCT } er_join;

/* The first element of output `number`. */
static inline uint32_t er_first(const er_reduction *r, uint32_t number)
{
    const uint32_t last = number % r->kept[2], rest = number / r->kept[2];
    return rest / r->kept[1] * r->kept_step[0] + rest % r->kept[1] * r->kept_step[1] +
           last * r->kept_step[2];
}

ER_ALWAYS_INLINE int32_t er_join_ints(int32_t a, int32_t b, er_join join)
{
    switch (join) {
    case ER_LARGEST:
        return b > a ? b : a;
    case ER_SMALLEST:
        return b < a ? b : a;
    default:
        return (int32_t)((uint32_t)a + (uint32_t)b);
    }
}

ER_ALWAYS_INLINE float er_join_floats(float a, float b, er_join join)
{
    switch (join) {
    case ER_LARGEST:
        return b > a ? b : a;
    case ER_SMALLEST:
        return b < a ? b : a;
    case ER_PRODUCT:
        return a * b;
    default:
        return a + b;
    }
}

/* What the integers from `start` on make; sums are modulo 2^32. */
ER_ALWAYS_INLINE int32_t er_reduce_ints(const er_reduction *r, const void *input, uint32_t start,
                                        er_join join, int wide)
{
    int32_t result = join == ER_SUM ? 0 : er_load(input, start, wide);
    for (uint32_t i = 0; i < r->reduced[0]; i++) {
        for (uint32_t j = 0; j < r->reduced[1]; j++) {
            uint32_t at = start + i * r->reduced_step[0] + j * r->reduced_step[1];
            for (uint32_t k = 0; k < r->reduced[2]; k++, at += r->reduced_step[2]) {
                result = er_join_ints(result, er_load(input, at, wide), join);
            }
        }
    }
    return result;
}

ER_ALWAYS_INLINE float er_reduce_floats(const er_reduction *r, const float *input, er_join join)
{
    float result = join == ER_SUM ? 0.0f : join == ER_PRODUCT ? 1.0f : input[0];
    for (uint32_t i = 0; i < r->reduced[0]; i++) {
        for (uint32_t j = 0; j < r->reduced[1]; j++) {
            const float *line = input + i * r->reduced_step[0] + j * r->reduced_step[1];
            for (uint32_t k = 0; k < r->reduced[2]; k++) {
                result = er_join_floats(result, line[k * r->reduced_step[2]], join);
            }
        }
    }
    return result;
}

#endif
