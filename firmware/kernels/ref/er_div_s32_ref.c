/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

/* 0 for a division by 0; the one quotient that does not fit wraps round. */
static inline int32_t quotient(int32_t x, int32_t y)
{
    return y == 0 ? 0 : y == -1 ? (int32_t)(0 - (uint32_t)x) : x / y;
}

ER_PAIRS(er_div_s32_ref, er_pairs_plain, int32_t, int32_t, int32_t, quotient(x, y))
