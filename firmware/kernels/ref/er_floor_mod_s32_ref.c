/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

/* The rest has the sign of y; 0 for a division by 0. */
static inline int32_t floor_mod(int32_t x, int32_t y)
{
    if (y == 0 || y == -1) {
        return 0;
    }
    const int32_t rest = x % y;
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

ER_PAIRS(er_floor_mod_s32_ref, er_pairs_plain, int32_t, int32_t, int32_t, floor_mod(x, y))
