/* SPDX-License-Identifier: Apache-2.0 */
#include "er_vec.h"

enum { MANY = 16, FEW = 8, OUTSIDE = INT32_MIN };

/* One pixel: where its taps are, counted from `base` on in the input. */
typedef struct {
    const er_conv_s8 *p;
    const int8_t *input;
    int32_t base, taps;
    const int32_t *at;
    const int8_t *outside; /* what taps outside of the image read */
    er_vec_range range;
    int once;
} pixel;

/* From tap (0, 0) to each. */
static void find_taps(const er_window *w, int32_t *at)
{
    for (int32_t i = 0; i < w->kernel_h; i++) {
        for (int32_t j = 0; j < w->kernel_w; j++) {
            *at++ = (i * w->dilation_h * w->in_w + j * w->dilation_w) * w->in_c;
        }
    }
}

/* Whether all taps of a pixel lie in the image. If not, `marked` gets them, and OUTSIDE for the
 * others. */
static int mark_taps(const er_window *w, int32_t top, int32_t left, const int32_t *at,
                     int32_t *marked)
{
    const int32_t bottom = top + (w->kernel_h - 1) * w->dilation_h;
    const int32_t right = left + (w->kernel_w - 1) * w->dilation_w;
    if (top >= 0 && left >= 0 && bottom < w->in_h && right < w->in_w) {
        return 1;
    }
    for (int32_t i = 0, y = top; i < w->kernel_h; i++, y += w->dilation_h) {
        for (int32_t j = 0, x = left; j < w->kernel_w; j++, x += w->dilation_w) {
            const int inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
            *marked++ = inside ? *at : OUTSIDE;
            at++;
        }
    }
    return 0;
}

/* `count` channels from `c` on: 16 or 8, a constant to the compiler as `inside` is. */
ER_ALWAYS_INLINE void channels(const pixel *x, int32_t c, int8_t *output, const int count,
                               const int inside)
{
    const er_conv_s8 *p = x->p;
    const int32_t step = p->window.in_c;
    const int8_t *weights = p->weights + c, *input = x->input;
    er_quad sums[MANY / ER_QUAD];
    ER_UNROLLED
    for (int q = 0; q < count / ER_QUAD; q++) {
        sums[q] = er_quad_load(p->bias + c + q * ER_QUAD);
    }
    for (int32_t i = 0; i < x->taps; i++, weights += step) {
        const int32_t at = x->at[i];
        const int8_t *from = inside || at != OUTSIDE ? input + (x->base + at + c) : x->outside;
        if (count == MANY) {
            er_add_products_16(sums, from, weights);
        } else {
            er_add_products_8(sums, from, weights);
        }
    }
    ER_UNROLLED
    for (int q = 0; q < count / ER_QUAD; q++, c += ER_QUAD) {
        const int32_t *mantissa = p->mantissa + c;
        const int8_t *shift = p->shift + c;
        const er_quad scaled = ER_ROUNDS_ONCE && x->once
                                   ? er_quad_multiply_once(sums[q], mantissa, shift)
                                   : er_quad_multiply(sums[q], er_factors_load(mantissa, shift));
        er_quad_store_s8(er_quad_finish(scaled, x->range), output + c);
    }
}

/* All channels; the last eight may overlap those before. */
ER_ALWAYS_INLINE void all_channels(const pixel *x, int8_t *output, const int inside)
{
    const int32_t depth = x->p->window.in_c;
    int32_t c = 0;
    for (; c + MANY <= depth; c += MANY) {
        channels(x, c, output, MANY, inside);
    }
    for (; c < depth; c += FEW) {
        channels(x, c + FEW <= depth ? c : depth - FEW, output, FEW, inside);
    }
}

/* One output channel for each of at least eight inputs. Weights are 1HWO; the input's zero point is
 * folded into the bias, and stands outside the image. `scratch` holds two numbers for each tap. */
void er_depthwise_s8_vec(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t taps = w->kernel_h * w->kernel_w;
    int32_t *at = scratch, *marked = at + taps;
    int8_t outside[MANY];
    pixel x = {p, input, 0, taps, at, outside,
               er_vec_range_of(p->out_zero, p->act_min, p->act_max),
               er_any_rounds_once(p->shift, w->out_c)};
    for (int32_t i = 0; i < MANY; i++) {
        outside[i] = p->in_zero;
    }
    find_taps(w, at);
    int32_t top = -w->pad_top;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        int32_t left = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, left += w->stride_w) {
            x.base = (top * w->in_w + left) * w->in_c;
            if (mark_taps(w, top, left, at, marked)) {
                x.at = at;
                all_channels(&x, output, 1);
            } else {
                x.at = marked;
                all_channels(&x, output, 0);
            }
            output += w->out_c;
        }
    }
}
