/* SPDX-License-Identifier: Apache-2.0 */
#include "er_add.h"
#include "er_pairs.h"

ER_PAIRS(er_squared_difference_s8_ref, er_sum_params, int8_t, int8_t, int8_t,
         (int8_t)er_squared_difference(p, x, y, 7))
