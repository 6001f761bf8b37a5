/* SPDX-License-Identifier: Apache-2.0 */
#include "er_math.h"
#include "er_pairs.h"

/* The rest has the sign of x: that of y is wanted. */
static inline float floor_mod(float x, float y)
{
    const float rest = er_fmod(x, y);
    return rest != 0.0f && (rest < 0.0f) != (y < 0.0f) ? rest + y : rest;
}

ER_PAIRS(er_floor_mod_f32_ref, er_pairs_f32, float, float, float, floor_mod(x, y))
