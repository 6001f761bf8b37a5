/* SPDX-License-Identifier: Apache-2.0
 *
 * From floats to integers.
 */
#ifndef ER_NEAREST_H
#define ER_NEAREST_H

#include <stdint.h>

/* The nearest integer, halves away from zero, within 2^31 - 128; 0 for what is not a number. */
static inline int32_t er_nearest(float value)
{
    const float most = 2147483520.0f;
    if (!(value > -most)) {
        return value == value ? INT32_MIN : 0;
    }
    if (value > most) {
        return INT32_MAX;
    }
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole; /* exact: both have the same exponent or less */
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

#endif
