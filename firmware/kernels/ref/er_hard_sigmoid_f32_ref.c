/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

static inline float limit(float x)
{
    return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
}

ER_MAP_F32(er_hard_sigmoid_f32_ref, limit(p->a * x + p->b))
