/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner product of the portable kernels.
 */
#ifndef ER_DOT_H
#define ER_DOT_H

#include <stdint.h>

#include "er_fixed.h"

/* `sum` plus the inner product of two vectors, modulo 2^32. */
static inline int32_t er_dot(const int8_t *a, const int8_t *b, uint32_t count, int32_t sum)
{
    uint32_t total = (uint32_t)sum;
    for (uint32_t i = 0; i < count; i++) {
        total += (uint32_t)(a[i] * b[i]);
    }
    return (int32_t)total;
}

#endif
