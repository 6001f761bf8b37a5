/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_compare_s32_ref, er_compare, int32_t, int32_t, uint8_t, er_holds(p->relations, x < y,
         x == y, x > y))
