/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pairs.h"

ER_PAIRS(er_add_s32_ref, er_pairs_plain, int32_t, int32_t, int32_t,
         (int32_t)((uint32_t)x + (uint32_t)y))
