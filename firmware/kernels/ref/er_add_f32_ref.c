/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_add_f32_ref, er_pairs_f32, float, float, float, er_limit(p, x + y))
