/* SPDX-License-Identifier: Apache-2.0 */
#include "er_patch.h"
#include "er_vec_dots.h"

/* Four rows, one behind the other, with all channels. */
ER_NEVER_INLINE void multiply_rows(const er_vec_layer *l, const int8_t *x, int8_t *output)
{
    int32_t channel = 0;
    for (; channel + ER_QUAD < l->out_c; channel += 2 * ER_QUAD) {
        er_vec_block(*l, x, channel, output, ER_ROWS, 2);
    }
    if (channel < l->out_c) {
        er_vec_block(*l, x, channel, output, ER_ROWS, 1);
    }
}

/* er_run, for er_patch_runs. */
static inline void *copy_run(const int8_t *from, int32_t count, int32_t zero, void *to)
{
    int8_t *bytes = to;
    if (from != NULL) {
        er_vec_copy(from, count, bytes);
    } else {
        for (int32_t i = 0; i < count; i++) {
            bytes[i] = (int8_t)zero;
        }
    }
    return bytes + count;
}

/* The input's zero point is folded into the bias, so what lies outside the image reads as the zero
 * point. The patches of four output pixels are copied to `scratch`, each filled up to whole tiles;
 * after that their input may be overwritten. */
void er_conv_s8_vec(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t padded = er_padded(w->kernel_h * w->kernel_w * w->in_c), out_c = w->out_c;
    const er_vec_layer layer = {
        p->weights, p->bias, p->mantissa, p->shift,
        er_vec_range_of(p->out_zero, p->act_min, p->act_max), padded, out_c, 1, er_any_rounds_once(p->shift, out_c),
    };
    int8_t *patches = scratch;
    int32_t held = 0;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            int8_t *patch = patches + held++ * padded;
            er_patch_runs(w, input, row, column, p->in_zero, copy_run, patch);
            if (held == ER_ROWS) {
                multiply_rows(&layer, patches, output);
                output += ER_ROWS * out_c;
                held = 0;
            }
        }
    }
    for (int32_t i = 0; i < held; i++, output += out_c) {
        er_vec_row(&layer, patches + i * padded, output);
    }
}
