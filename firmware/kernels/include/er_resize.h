/* SPDX-License-Identifier: Apache-2.0
 *
 * Images of another height and width, each pixel mixed of the four around it.
 */
#ifndef ER_RESIZE_H
#define ER_RESIZE_H

#include "er_types.h"

/* Pixel i of the output lies at i * scale + offset along its axis, in 1/1024 of a pixel. */
typedef struct {
    uint32_t batch, in_h, in_w, out_h, out_w, channels;
    int32_t scale_h, scale_w, offset_h, offset_w;
} er_resize;

void er_resize_bilinear_s8_ref(const er_resize *p, const int8_t *input, int8_t *output,
                               void *scratch);
void er_resize_bilinear_s16_ref(const er_resize *p, const int16_t *input, int16_t *output,
                                void *scratch);

/* Pixel i of the output lies at (i + half) * scale - half along its axis. */
typedef struct {
    uint32_t batch, in_h, in_w, out_h, out_w, channels;
    float scale_h, scale_w, half;
} er_resize_f32;

void er_resize_bilinear_f32_ref(const er_resize_f32 *p, const float *input, float *output,
                                void *scratch);

#endif
