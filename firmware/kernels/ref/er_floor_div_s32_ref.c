/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

/* 0 for a division by 0; the one quotient that does not fit wraps round. */
static inline int32_t floor_div(int32_t x, int32_t y)
{
    if (y == 0 || y == -1) {
        return y == 0 ? 0 : (int32_t)(0 - (uint32_t)x);
    }
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

ER_PAIRS(er_floor_div_s32_ref, er_pairs_plain, int32_t, int32_t, int32_t, floor_div(x, y))
