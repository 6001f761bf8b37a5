/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parameters of several kernels are made of.
 */
#ifndef ER_TYPES_H
#define ER_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* Factor from sums to outputs: mantissa * 2^(shift - 31); positive shifts go left. */
typedef struct {
    int32_t mantissa;
    int32_t shift;
} er_multiplier;

/* A window over an image; lengths in elements. */
typedef struct {
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint16_t kernel_h, kernel_w;
    uint16_t stride_h, stride_w;
    uint16_t dilation_h, dilation_w;
    uint16_t pad_top, pad_left;
} er_window;

#endif
