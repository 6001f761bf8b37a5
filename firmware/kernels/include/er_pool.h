/* SPDX-License-Identifier: Apache-2.0
 *
 * Average and maximum pools.
 */
#ifndef ER_POOL_H
#define ER_POOL_H

#include "er_types.h"

/* Pools of integers; the quantization is kept. Padding takes no part, or `include_pad`, where it
 * counts as `zero` in averages. Halves round away from a stored zero or, if `to_even`, to an even
 * distance from `zero`. */
typedef struct {
    er_window window;
    int16_t act_min, act_max;
    int16_t zero, include_pad;
    int32_t to_even;
} er_pool;

typedef struct {
    er_window window;
    float act_min, act_max;
    int32_t include_pad;
} er_pool_f32;

void er_average_pool_s8_ref(const er_pool *p, const int8_t *input, int8_t *output, void *scratch);
void er_average_pool_s16_ref(const er_pool *p, const int16_t *input, int16_t *output,
                             void *scratch);
void er_average_pool_f32_ref(const er_pool_f32 *p, const float *input, float *output,
                             void *scratch);
void er_max_pool_s8_ref(const er_pool *p, const int8_t *input, int8_t *output, void *scratch);
void er_max_pool_s16_ref(const er_pool *p, const int16_t *input, int16_t *output, void *scratch);
void er_max_pool_f32_ref(const er_pool_f32 *p, const float *input, float *output, void *scratch);

void er_average_pool_s8_mve(const er_pool *p, const int8_t *input, int8_t *output, void *scratch);
void er_max_pool_s8_mve(const er_pool *p, const int8_t *input, int8_t *output, void *scratch);

void er_average_pool_s8_dsp(const er_pool *p, const int8_t *input, int8_t *output, void *scratch);

#endif
