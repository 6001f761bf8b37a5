/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution of int16 by int8 weights: two pixels by two channels, by SMLAD.
 *
 * Weights are OHWI, the elements of each channel filled up with zeros to groups of four, which
 * stand in the order 0, 2, 1, 3: SXTB16 takes the pairs (0, 1) and (2, 3) out of them. The pixels
 * are pairs as they are.
 */
#include "er_dsp.h"
#include "er_kernels.h"

enum { GROUP = 4 };

ER_ALWAYS_INLINE void add_up(const int16_t *first, const int16_t *second, const int8_t *v,
                             const int8_t *w, uint32_t groups, int32_t pixels, int64_t *sums)
{
    const er_pair *x = (const er_pair *)(const void *)first;
    const er_pair *y = (const er_pair *)(const void *)second;
    int32_t xv = 0, xw = 0, yv = 0, yw = 0;
    for (uint32_t i = groups; i > 0; i--, x += 2, y += 2, v += GROUP, w += GROUP) {
        const uint32_t some = er_load(v), others = er_load(w);
        const er_pair v0 = er_even(some), v1 = er_odd(some);
        const er_pair w0 = er_even(others), w1 = er_odd(others);
        xv = er_mac(v1, x[1], er_mac(v0, x[0], xv));
        xw = er_mac(w1, x[1], er_mac(w0, x[0], xw));
        if (pixels == 2) {
            yv = er_mac(v1, y[1], er_mac(v0, y[0], yv));
            yw = er_mac(w1, y[1], er_mac(w0, y[0], yw));
        }
    }
    sums[0] += xv;
    sums[1] += xw;
    sums[2] += yv;
    sums[3] += yw;
}

#include "er_conv_wide.h"

void er_conv_s16_dsp(const er_conv_s16 *p, const int16_t *input, int16_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
