/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_range.h"

/* The average over the taps inside the image, halves away from zero. */
void er_average_pool_s8_ref(const er_pool_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->in_c;
    int32_t top = -w->pad_top;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        const er_range y = er_taps_inside(top, w->kernel_h, 1, w->in_h);
        int32_t left = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, left += w->stride_w) {
            const er_range x = er_taps_inside(left, w->kernel_w, 1, w->in_w);
            const int32_t rows = y.end - y.first, columns = x.end - x.first;
            const int32_t count = rows * columns;
            const int8_t *image = input + (y.start * w->in_w + x.start) * depth;
            for (int32_t c = 0; c < depth; c++, image++) {
                const int8_t *line = image;
                int32_t sum = 0;
                for (int32_t i = 0; i < rows; i++, line += w->in_w * depth) {
                    for (int32_t j = 0; j < columns; j++) {
                        sum += line[j * depth];
                    }
                }
                sum = (sum + (sum < 0 ? -(count / 2) : count / 2)) / count;
                *output++ = er_offset_and_clamp(sum, 0, p->act_min, p->act_max);
            }
        }
    }
}
