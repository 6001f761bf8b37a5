/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax of int8, to int8 or int16.
 */
#ifndef ER_SOFTMAX_H
#define ER_SOFTMAX_H

#include "er_exponential.h"
#include "er_stored.h"

ER_SHARED void er_softmax_row(const er_softmax_s8 *p, const int8_t *input, void *output,
                              uint32_t start, int wide)
{
    const int32_t largest = er_largest_of(input, p->depth), least = wide ? INT16_MIN : INT8_MIN;
    int32_t zeros = 0;
    uint32_t sum = er_sum_of_exponentials(input, p->depth, largest, p->factor, p->smallest);
    while (sum <= INT32_MAX) {
        sum <<= 1;
        zeros++;
    }
    /* The sum is now 1 + a, a being all bits but the first. */
    const int32_t scale = er_reciprocal_of_one_plus((int32_t)(sum & INT32_MAX));
    const int32_t shift = 12 - zeros + 31 - (wide ? 16 : 8);
    for (uint32_t i = 0; i < p->depth; i++) {
        const int32_t difference = input[i] - largest;
        int32_t result = least;
        if (difference >= p->smallest && shift < 32) {
            const int32_t exponential = er_exp_of_negative(er_in_q5(difference, p->factor));
            const int32_t product = er_high(scale, exponential);
            result = er_saturate(er_rounding_shift_right(product, shift) + least, wide);
        }
        er_store(output, start + i, result, wide);
    }
}

#endif
