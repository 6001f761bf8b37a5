/* SPDX-License-Identifier: Apache-2.0 */
#include "er_mve.h"
#include "er_pools.h"

/* 16 channels at a time. */
void er_max_pool_s8_mve(const er_pool *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->in_c;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            const er_covered in = er_cover(w, row, column);
            for (int32_t c = 0; c < depth; c += ER_BLOCK, output += ER_BLOCK) {
                const mve_pred16_t some = vctp8q((uint32_t)(depth - c));
                int8x16_t most = vdupq_n_s8((int8_t)p->act_min);
                const int8_t *line = input + in.start + c;
                for (int32_t i = 0; i < in.rows; i++, line += in.row_step) {
                    const int8_t *at = line;
                    for (int32_t j = 0; j < in.columns; j++, at += in.column_step) {
                        most = vmaxq_s8(most, vldrbq_z_s8(at, some));
                    }
                }
                vstrbq_p_s8(output, vminq_s8(most, vdupq_n_s8((int8_t)p->act_max)), some);
            }
            output += depth - (depth + ER_BLOCK - 1) / ER_BLOCK * ER_BLOCK;
        }
    }
}
