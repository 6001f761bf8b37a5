/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pools.h"

static float average(const er_covered *in, const float *line, int32_t count)
{
    float sum = 0.0f;
    for (int32_t i = 0; i < in->rows; i++, line += in->row_step) {
        for (int32_t j = 0; j < in->columns; j++) {
            sum += line[j * in->column_step];
        }
    }
    return sum / (float)count;
}

void er_average_pool_f32_ref(const er_pool_f32 *p, const float *input, float *output,
                             void *scratch)
{
    const er_window *w = &p->window;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            const er_covered in = er_cover(w, row, column);
            const int32_t count =
                p->include_pad ? w->kernel_h * w->kernel_w : in.rows * in.columns;
            for (int32_t c = 0; c < w->in_c; c++) {
                const float value = average(&in, input + in.start + c, count);
                *output++ = value < p->act_min ? p->act_min
                            : value > p->act_max ? p->act_max
                                                 : value;
            }
        }
    }
}
