/* SPDX-License-Identifier: Apache-2.0
 *
 * 4-bit integers two a byte, the first in the lower half.
 */
#ifndef ER_NIBBLES_H
#define ER_NIBBLES_H

#include <stdint.h>

#include "er_attributes.h"

/* The lower half of a byte, and the upper one, as -8 to 7. */
static inline int32_t er_lower(int32_t both)
{
    return ((both & 0xf) ^ 8) - 8;
}

static inline int32_t er_upper(int32_t both)
{
    return both >> 4;
}

/* The one at `index`. */
static inline int32_t er_nibble(const int8_t *packed, int32_t index)
{
    const int32_t both = packed[index / 2];
    return index % 2 == 0 ? er_lower(both) : er_upper(both);
}

/* Adds to a sum, modulo 2^32, the inner product of `a` with as many 4-bit integers. */
static inline uint32_t er_dot_nibbles(const int8_t *a, const int8_t *packed, int32_t count,
                                      uint32_t sum)
{
    ER_ROLLED
    for (; count > 1; count -= 2, a += 2) {
        const int32_t both = *packed++;
        sum += (uint32_t)(a[0] * er_lower(both)) + (uint32_t)(a[1] * er_upper(both));
    }
    return count > 0 ? sum + (uint32_t)(a[0] * er_lower(*packed)) : sum;
}

#endif
