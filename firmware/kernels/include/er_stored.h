/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements of int8, or of int16 where `wide` is not 0: a constant, so that one loop serves both.
 */
#ifndef ER_STORED_H
#define ER_STORED_H

#include <stdint.h>

#include "er_attributes.h"

ER_ALWAYS_INLINE int32_t er_load(const void *data, uint32_t index, int wide)
{
    return wide ? ((const int16_t *)data)[index] : ((const int8_t *)data)[index];
}

ER_ALWAYS_INLINE void er_store(void *data, uint32_t index, int32_t value, int wide)
{
    if (wide) {
        ((int16_t *)data)[index] = (int16_t)value;
    } else {
        ((int8_t *)data)[index] = (int8_t)value;
    }
}

static inline int32_t er_clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* `value` as int8 or int16 can hold it. */
ER_ALWAYS_INLINE int32_t er_saturate(int32_t value, int wide)
{
    return wide ? er_clamp(value, INT16_MIN, INT16_MAX) : er_clamp(value, INT8_MIN, INT8_MAX);
}

/* value + zero as int8 or int16 can hold it; the sum itself may not fit into 32 bits. */
ER_ALWAYS_INLINE int32_t er_offset_and_saturate(int32_t value, int32_t zero, int wide)
{
    return er_saturate(er_clamp(value, -(1 << 17), 1 << 17) + zero, wide);
}

#endif
