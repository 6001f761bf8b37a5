/* SPDX-License-Identifier: Apache-2.0
 *
 * What moves elements and computes nothing.
 */
#ifndef ER_MOVE_H
#define ER_MOVE_H

#include "er_types.h"

/* Dimensions in another order: `shape` is the output's, with leading ones; `stride` is the step
 * through the input along each dimension of the output. */
typedef struct {
    uint32_t shape[4];
    uint32_t stride[4];
} er_transpose;

void er_transpose_s8_ref(const er_transpose *p, const int8_t *input, int8_t *output, void *scratch);
void er_transpose_f32_ref(const er_transpose *p, const float *input, float *output, void *scratch);

#endif
