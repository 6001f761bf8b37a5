/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean and softmax.
 */
#ifndef ER_REDUCE_H
#define ER_REDUCE_H

#include "er_types.h"

/* Mean over axes: the input seen as shape[0..3]; `reduce` has bit i set where axis i is reduced. */
typedef struct {
    uint32_t shape[4];
    uint32_t reduce;
    int16_t in_zero, out_zero;
    int32_t count;
    er_multiplier factor;
} er_mean_s8;

/* Softmax over the last axis. */
typedef struct {
    uint32_t rows, depth;
    er_multiplier factor;
    int32_t smallest;
} er_softmax_s8;

void er_mean_s8_ref(const er_mean_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_softmax_s8_ref(const er_softmax_s8 *p, const int8_t *input, int8_t *output, void *scratch);

#endif
