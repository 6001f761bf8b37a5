/* SPDX-License-Identifier: Apache-2.0
 *
 * Which taps of a window fall into the image.
 */
#ifndef ER_RANGE_H
#define ER_RANGE_H

#include <stdint.h>

#include "er_attributes.h"

/* Taps first <= i < end, the first of them at image coordinate `start`. */
typedef struct {
    int32_t first, end, start;
} er_range;

/* Of `taps` taps `dilation` apart from coordinate `origin` on, those within 0 ... size - 1. */
ER_SHARED er_range er_taps_inside(int32_t origin, int32_t taps, int32_t dilation, int32_t size)
{
    er_range range = {0, taps, origin};
    while (range.first < taps && range.start < 0) {
        range.first++;
        range.start += dilation;
    }
    while (range.end > range.first && origin + (range.end - 1) * dilation >= size) {
        range.end--;
    }
    return range;
}

#endif
