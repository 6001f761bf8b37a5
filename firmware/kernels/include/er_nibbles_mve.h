/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors of int4, two a byte.
 */
#ifndef ER_NIBBLES_MVE_H
#define ER_NIBBLES_MVE_H

#include "er_mve.h"

static inline int8x16_t er_lower_halves(int8x16_t bytes)
{
    return vshrq_n_s8(vshlq_n_s8(bytes, 4), 4);
}

static inline int8x16_t er_upper_halves(int8x16_t bytes)
{
    return vshrq_n_s8(bytes, 4);
}

#endif
