/* SPDX-License-Identifier: Apache-2.0 */
#include "er_attributes.h"
#include "er_kernels.h"
#include "er_range.h"
#include "er_wide.h"

enum { LANES = 4 };

/* Adds up `lanes` channels that lie side by side in the input and in the weights, which are 1HWO. The
 * window has at most ER_NARROW taps. */
ER_ALWAYS_INLINE void add_up(const er_window *w, const int16_t *input, const int8_t *weights,
                             er_range y, er_range x, int32_t lanes, int32_t *sums)
{
    const int32_t next = w->dilation_w * w->in_c;
    for (int32_t lane = 0; lane < lanes; lane++) {
        sums[lane] = 0;
    }
    for (int32_t i = y.first, row = y.start; i < y.end; i++, row += w->dilation_h) {
        const int16_t *pixel = input + (row * w->in_w + x.start) * w->in_c;
        const int8_t *weight = weights + (i * w->kernel_w + x.first) * w->out_c;
        for (int32_t j = x.first; j < x.end; j++, weight += w->out_c, pixel += next) {
            for (int32_t lane = 0; lane < lanes; lane++) {
                sums[lane] += pixel[lane] * weight[lane];
            }
        }
    }
}

static void finish(const er_conv_s16 *p, int32_t channel, int32_t lanes, const int32_t *sums,
                   int16_t *output)
{
    for (int32_t lane = 0, c = channel; lane < lanes; lane++, c++) {
        output[c] = er_finish_wide(p->bias[c] + sums[lane], p->wide, p->mantissa[c], p->shift[c],
                                   p->act_min, p->act_max);
    }
}

void er_depthwise_s16_ref(const er_conv_s16 *p, const int16_t *input, int16_t *output,
                          void *scratch)
{
    const er_window *w = &p->window;
    const int32_t multiplier = w->out_c / w->in_c;
    int32_t sums[LANES];
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++) {
        const er_range y = er_taps_inside(row * w->stride_h - w->pad_top, w->kernel_h,
                                          w->dilation_h, w->in_h);
        for (int32_t column = 0; column < w->out_w; column++, output += w->out_c) {
            const er_range x = er_taps_inside(column * w->stride_w - w->pad_left, w->kernel_w,
                                              w->dilation_w, w->in_w);
            int32_t c = 0;
            for (; multiplier == 1 && c + LANES <= w->out_c; c += LANES) {
                add_up(w, input + c, p->weights + c, y, x, LANES, sums);
                finish(p, c, LANES, sums, output);
            }
            for (; c < w->out_c; c++) {
                add_up(w, input + c / multiplier, p->weights + c, y, x, 1, sums);
                finish(p, c, 1, sums, output);
            }
        }
    }
}
