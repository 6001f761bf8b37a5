/* SPDX-License-Identifier: Apache-2.0
 *
 * Average and maximum pools.
 */
#ifndef ER_POOL_H
#define ER_POOL_H

#include "er_types.h"

/* Pools; the quantization is kept. */
typedef struct {
    er_window window;
    int16_t act_min, act_max;
} er_pool_s8;

void er_average_pool_s8_ref(const er_pool_s8 *p, const int8_t *input, int8_t *output,
                            void *scratch);
void er_max_pool_s8_ref(const er_pool_s8 *p, const int8_t *input, int8_t *output, void *scratch);

#endif
