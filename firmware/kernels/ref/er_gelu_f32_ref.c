/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_gelu_f32_ref, 0.5f * x * (1.0f + er_erf(x * 0.707106781f)))
