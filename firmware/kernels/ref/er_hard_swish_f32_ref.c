/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

static inline float limit(float x)
{
    return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x;
}

ER_MAP_F32(er_hard_swish_f32_ref, x * limit(x + 3.0f) / 6.0f)
