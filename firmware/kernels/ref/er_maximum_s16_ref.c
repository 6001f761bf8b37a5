/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_maximum_s16_ref, er_pairs_plain, int16_t, int16_t, int16_t, x > y ? x : y)
