/* SPDX-License-Identifier: Apache-2.0 */
#include "er_map.h"

/* tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1); above 20 that is 1. */
static inline float mish(float x)
{
    const float e = er_exp(x), square = e * (e + 2.0f);
    return x > 20.0f ? x : x * (square / (square + 2.0f));
}

ER_MAP_F32(er_mish_f32_ref, mish(x))
