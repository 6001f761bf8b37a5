/* SPDX-License-Identifier: Apache-2.0
 *
 * Maxima and minima of integers.
 */
#ifndef ER_EXTREMES_H
#define ER_EXTREMES_H

#include "er_reduction.h"

ER_ALWAYS_INLINE void er_extreme_ints(const er_extreme *p, const void *input, void *output,
                                      int wide)
{
    for (uint32_t i = 0; i < p->axes.outputs; i++) {
        const uint32_t start = er_first(&p->axes, i);
        const int32_t found = p->smallest
                                  ? er_reduce_ints(&p->axes, input, start, ER_SMALLEST, wide)
                                  : er_reduce_ints(&p->axes, input, start, ER_LARGEST, wide);
        er_store(output, i, found, wide);
    }
}

#endif
