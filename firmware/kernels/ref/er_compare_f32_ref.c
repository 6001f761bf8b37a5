/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_compare_f32_ref, er_compare, float, float, uint8_t, er_holds(p->relations, x < y,
         x == y, x > y))
