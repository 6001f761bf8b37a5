/* SPDX-License-Identifier: Apache-2.0
 *
 * What the outputs of a transposed convolution read.
 */
#ifndef ER_TRANSPOSED_H
#define ER_TRANSPOSED_H

#include <stdint.h>

#include "er_attributes.h"
#include "er_kernels.h"

/* The coordinate that was spread to coordinate `at` by a tap, or -1 where none was. */
static inline int32_t er_source_along(int32_t at, int32_t stride, int32_t size)
{
    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
}

/* The pixel of the input that tap number `tap` brings to output (row, column), or -1. */
static inline int32_t er_source(const er_window *w, int32_t row, int32_t column, int32_t tap)
{
    const int32_t i = tap / w->kernel_w, j = tap % w->kernel_w;
    const int32_t y = er_source_along(row + w->pad_top - i * w->dilation_h, w->stride_h, w->in_h);
    const int32_t x =
        er_source_along(column + w->pad_left - j * w->dilation_w, w->stride_w, w->in_w);
    return y < 0 || x < 0 ? -1 : y * w->in_w + x;
}

/* Adds to the sum of `channel` the inner product of `count` elements of the input and of the
 * weights, by the numbers of their first ones. */
typedef void er_add_product(const void *job, int32_t channel, int32_t input, int32_t weight,
                            int32_t count);

/* All products of output number `pixel`. Weights are OHWI, I being the channels of a group. */
ER_ALWAYS_INLINE void er_add_sources(const er_window *w, uint32_t groups, int32_t pixel,
                                     er_add_product *add, const void *job)
{
    const int32_t each = w->in_c / (int32_t)groups, made = w->out_c / (int32_t)groups;
    const int32_t taps = w->kernel_h * w->kernel_w;
    for (int32_t tap = 0; tap < taps; tap++) {
        const int32_t source = er_source(w, pixel / w->out_w, pixel % w->out_w, tap);
        for (int32_t c = 0; source >= 0 && c < w->out_c; c++) {
            add(job, c, source * w->in_c + c / made * each, (c * taps + tap) * each, each);
        }
    }
}

#endif
