/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_maximum_f32_ref, er_pairs_f32, float, float, float, x > y ? x : y)
