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
        ER_ROLLED_ALWAYS
        for (int32_t i = 0; i < count; i++) {
            bytes[i] = (int8_t)zero;
        }
    }
    return bytes + count;
}

/* The elements below the kernel at output (row, column). Most kernels lie within the image. */
static inline void gather(const er_window *w, const int8_t *input, int32_t row, int32_t column,
                          int32_t zero, int8_t *patch)
{
    const int32_t top = row * w->stride_h - w->pad_top, left = column * w->stride_w - w->pad_left;
    const int32_t run = w->kernel_w * w->in_c, line = w->in_w * w->in_c;
    if (top < 0 || left < 0 || top + w->kernel_h > w->in_h || left + w->kernel_w > w->in_w ||
        w->dilation_h > 1 || w->dilation_w > 1) {
        er_patch_runs(w, input, row, column, zero, copy_run, patch);
        return;
    }
    const int8_t *from = input + top * line + left * w->in_c;
    ER_ROLLED_ALWAYS
    for (int32_t i = 0; i < w->kernel_h; i++, from += line, patch += run) {
        er_vec_copy(from, run, patch);
    }
}

/* Whether the patches of all pixels lie one behind the other, in whole tiles, and none is
 * overwritten too soon. */
static int is_plain(const er_window *w, const int8_t *input, const int8_t *output)
{
    const int32_t read = w->in_h * w->in_w * w->in_c, made = w->out_h * w->out_w * w->out_c;
    return w->kernel_h * w->kernel_w == 1 && w->in_c % 4 == 0 && w->out_w == w->in_w &&
           w->out_h <= w->in_h && w->stride_h == 1 && w->pad_top == 0 && w->pad_left == 0 &&
           (output >= input + read || output + made <= input);
}

static void multiply_plain(const er_vec_layer *l, const int8_t *x, int32_t pixels, int8_t *output)
{
    for (; pixels >= ER_ROWS; pixels -= ER_ROWS, x += ER_ROWS * l->padded) {
        multiply_rows(l, x, output);
        output += ER_ROWS * l->out_c;
    }
    for (; pixels > 0; pixels--, x += l->padded, output += l->out_c) {
        er_vec_row(l, x, output);
    }
}

/* The patches of four output pixels are copied to `patches`, each filled up to whole tiles; after
 * that their input may be overwritten. */
static void multiply_patches(const er_conv_s8 *p, const er_vec_layer *l, const int8_t *input,
                             int8_t *output, int8_t *patches)
{
    const er_window *w = &p->window;
    int32_t held = 0;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++) {
            int8_t *patch = patches + held++ * l->padded;
            gather(w, input, row, column, p->in_zero, patch);
            if (held == ER_ROWS) {
                multiply_rows(l, patches, output);
                output += ER_ROWS * l->out_c;
                held = 0;
            }
        }
    }
    for (int32_t i = 0; i < held; i++, output += l->out_c) {
        er_vec_row(l, patches + i * l->padded, output);
    }
}

/* The input's zero point is folded into the bias, so what lies outside the image reads as the zero
 * point. */
void er_conv_s8_vec(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const er_vec_layer layer = {
        p->weights, p->bias, p->mantissa, p->shift,
        er_vec_range_of(p->out_zero, p->act_min, p->act_max),
        er_padded(w->kernel_h * w->kernel_w * w->in_c), w->out_c, 1,
        er_any_rounds_once(p->shift, w->out_c),
    };
    if (is_plain(w, input, output)) {
        multiply_plain(&layer, input, w->out_h * w->out_w, output);
    } else {
        multiply_patches(p, &layer, input, output, scratch);
    }
}
