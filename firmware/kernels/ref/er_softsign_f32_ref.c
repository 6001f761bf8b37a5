/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_softsign_f32_ref, x / (1.0f + er_abs(x)))
