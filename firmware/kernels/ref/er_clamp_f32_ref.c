/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_clamp_f32_ref, x < p->a ? p->a : x > p->b ? p->b : x)
