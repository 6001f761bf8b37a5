/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

ER_MAP_F32(er_reciprocal_f32_ref, 1.0f / x)
