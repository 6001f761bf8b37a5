/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums and means of integers.
 */
#ifndef ER_MEANS_H
#define ER_MEANS_H

#include "er_fixed.h"
#include "er_reduction.h"

ER_ALWAYS_INLINE void er_mean_ints(const er_mean *p, const void *input, void *output, int wide)
{
    const uint32_t zeros = (uint32_t)p->in_zero * (uint32_t)p->count;
    for (uint32_t i = 0; i < p->axes.outputs; i++) {
        const int32_t sum =
            er_reduce_ints(&p->axes, input, er_first(&p->axes, i), ER_SUM, wide);
        const int32_t scaled =
            er_multiply((int32_t)((uint32_t)sum - zeros), p->factor.mantissa, p->factor.shift);
        er_store(output, i, er_offset_and_saturate(scaled, p->out_zero, wide), wide);
    }
}

#endif
