/* SPDX-License-Identifier: Apache-2.0 */
#include "er_add.h"
#include "er_pairs.h"

ER_PAIRS(er_sub_s16_ref, er_sum_params, int16_t, int16_t, int16_t, (int16_t)er_difference(p, x, y,
         15))
