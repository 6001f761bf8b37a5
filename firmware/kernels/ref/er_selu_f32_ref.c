/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_selu_f32_ref, p->b * (x < 0.0f ? p->a * er_expm1(x) : x))
