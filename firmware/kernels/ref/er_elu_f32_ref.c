/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_elu_f32_ref, x < 0.0f ? p->a * er_expm1(x) : x)
