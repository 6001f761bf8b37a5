/* SPDX-License-Identifier: Apache-2.0 */
#include "er_vec.h"

enum { TOGETHER = 8 };

/* Where each tap of the output pixel at (row, column) is in the input, or -1 outside of it. */
static void find_taps(const er_window *w, int32_t row, int32_t column, int32_t *at)
{
    const int32_t left = column * w->stride_w - w->pad_left;
    int32_t y = row * w->stride_h - w->pad_top;
    for (int32_t i = 0; i < w->kernel_h; i++, y += w->dilation_h) {
        int32_t x = left;
        for (int32_t j = 0; j < w->kernel_w; j++, x += w->dilation_w) {
            const int inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
            *at++ = inside ? (y * w->in_w + x) * w->in_c : -1;
        }
    }
}

/* Eight channels of one pixel, from `c` on. */
static inline void eight(const er_conv_s8 *p, const int8_t *input, const int32_t *at,
                         const int8_t *outside, er_vec_range range, int once, int32_t c,
                         int8_t *output)
{
    const int32_t taps = p->window.kernel_h * p->window.kernel_w, channels = p->window.in_c;
    const int8_t *weights = p->weights + c;
    er_quad sums[2] = {er_quad_load(p->bias + c), er_quad_load(p->bias + c + ER_QUAD)};
    for (int32_t i = 0; i < taps; i++, weights += channels) {
        er_add_products(sums, at[i] < 0 ? outside : input + at[i] + c, weights);
    }
    for (int32_t i = 0; i < 2; i++, c += ER_QUAD) {
        const er_quad scaled = er_quad_scale(sums[i], p->mantissa + c, p->shift + c, once);
        er_quad_store_s8(er_quad_finish(scaled, range), output + c);
    }
}

/* One output channel for each of at least eight inputs. Weights are 1HWO; the input's zero point is
 * folded into the bias, and stands outside the image. The last eight channels may overlap those
 * before. `scratch` holds a number for each tap. */
void er_depthwise_s8_vec(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const er_vec_range range = er_vec_range_of(p->out_zero, p->act_min, p->act_max);
    const int32_t last = w->in_c - TOGETHER;
    const int once = er_any_rounds_once(p->shift, w->out_c);
    int32_t *at = scratch;
    int8_t outside[TOGETHER];
    for (int32_t i = 0; i < TOGETHER; i++) {
        outside[i] = p->in_zero;
    }
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++, output += w->out_c) {
            find_taps(w, row, column, at);
            for (int32_t c = 0; c < last; c += TOGETHER) {
                eight(p, input, at, outside, range, once, c, output);
            }
            eight(p, input, at, outside, range, once, last, output);
        }
    }
}
