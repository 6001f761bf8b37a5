/* SPDX-License-Identifier: Apache-2.0
 *
 * Products of integers, scaled back after each factor.
 */
#ifndef ER_PRODUCTS_H
#define ER_PRODUCTS_H

#include "er_reduction.h"
#include "er_wide.h"

ER_ALWAYS_INLINE int32_t er_reduce_prod_of(const er_reduce_prod *p, const void *input, uint32_t start,
                                       int wide)
{
    const er_reduction *r = &p->axes;
    int32_t result = 0, first = 1;
    for (uint32_t i = 0; i < r->reduced[0]; i++) {
        for (uint32_t j = 0; j < r->reduced[1]; j++) {
            uint32_t at = start + i * r->reduced_step[0] + j * r->reduced_step[1];
            for (uint32_t k = 0; k < r->reduced[2]; k++, at += r->reduced_step[2]) {
                const int32_t value = er_load(input, at, wide) - p->in_zero;
                result = first ? value
                               : er_multiply_wide((int64_t)result * value, p->mantissa, p->shift);
                first = 0;
            }
        }
    }
    return er_multiply_wide(result, p->mantissa, p->shift);
}

ER_ALWAYS_INLINE void er_reduce_prod_ints(const er_reduce_prod *p, const void *input, void *output,
                                      int wide)
{
    for (uint32_t i = 0; i < p->axes.outputs; i++) {
        const int32_t product = er_reduce_prod_of(p, input, er_first(&p->axes, i), wide);
        er_store(output, i, er_offset_and_saturate(product, p->out_zero, wide), wide);
    }
}

#endif
