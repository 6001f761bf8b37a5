/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution of int16 by int8 weights: two pixels by two channels, by VMLADAVA. Weights are OHWI,
 * the elements of each channel filled up with zeros to vectors of eight.
 */
#include <arm_mve.h>

#include "er_attributes.h"
#include "er_kernels.h"

enum { GROUP = 8 };

ER_ALWAYS_INLINE void add_up(const int16_t *x, const int16_t *y, const int8_t *v, const int8_t *w,
                             uint32_t groups, int32_t pixels, int64_t *sums)
{
    int32_t xv = 0, xw = 0, yv = 0, yw = 0;
    for (uint32_t i = groups; i > 0; i--, x += GROUP, y += GROUP, v += GROUP, w += GROUP) {
        const int16x8_t some = vldrbq_s16(v), others = vldrbq_s16(w);
        const int16x8_t first = vldrhq_s16(x);
        xv = vmladavaq_s16(xv, first, some);
        xw = vmladavaq_s16(xw, first, others);
        if (pixels == 2) {
            const int16x8_t second = vldrhq_s16(y);
            yv = vmladavaq_s16(yv, second, some);
            yw = vmladavaq_s16(yw, second, others);
        }
    }
    sums[0] += xv;
    sums[1] += xw;
    sums[2] += yv;
    sums[3] += yw;
}

#include "er_conv_wide.h"

void er_conv_s16_mve(const er_conv_s16 *p, const int16_t *input, int16_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
