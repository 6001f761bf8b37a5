/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_minimum_s8_ref, er_pairs_plain, int8_t, int8_t, int8_t, x < y ? x : y)
