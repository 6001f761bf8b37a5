/* SPDX-License-Identifier: Apache-2.0 */
#include "er_pools.h"

static float largest(const er_covered *in, const float *line)
{
    float most = line[0];
    for (int32_t i = 0; i < in->rows; i++, line += in->row_step) {
        for (int32_t j = 0; j < in->columns; j++) {
            const float value = line[j * in->column_step];
            most = value > most ? value : most;
        }
    }
    return most;
}

void er_max_pool_f32_ref(const er_pool_f32 *p, const float *input, float *output, void *scratch)
{
    const er_window *w = &p->window;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            const er_covered in = er_cover(w, row, column);
            for (int32_t c = 0; c < w->in_c; c++) {
                const float value = largest(&in, input + in.start + c);
                *output++ = value < p->act_min ? p->act_min
                            : value > p->act_max ? p->act_max
                                                 : value;
            }
        }
    }
}
