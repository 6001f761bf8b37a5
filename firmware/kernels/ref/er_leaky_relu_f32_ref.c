/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_leaky_relu_f32_ref, x > 0.0f ? x : p->a * x)
