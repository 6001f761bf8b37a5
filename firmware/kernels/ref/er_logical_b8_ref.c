/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_logical_b8_ref, er_compare, uint8_t, uint8_t, uint8_t,
         (uint8_t)(p->relations >> ((x != 0) + 2 * (y != 0)) & 1))
