/* SPDX-License-Identifier: Apache-2.0 */
#include "er_add.h"
#include "er_pairs.h"

ER_PAIRS(er_sub_s8_ref, er_sum_params, int8_t, int8_t, int8_t, (int8_t)er_difference(p, x, y, 20))
