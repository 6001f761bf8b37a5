/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_minimum_s32_ref, er_pairs_plain, int32_t, int32_t, int32_t, x < y ? x : y)
