/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

static inline int32_t squared(uint32_t difference)
{
    return (int32_t)(difference * difference);
}

ER_PAIRS(er_squared_difference_s32_ref, er_pairs_plain, int32_t, int32_t, int32_t,
         squared((uint32_t)x - (uint32_t)y))
