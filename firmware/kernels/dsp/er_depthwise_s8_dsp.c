/* SPDX-License-Identifier: Apache-2.0
 *
 * Pixel by pixel, four channels at a time: the taps inside the image are listed once for all
 * channels, and for the pixels that follow while they stay the same. What has fewer channels goes
 * one channel at a time.
 *
 * Weights are HWO.
 */
#include "er_attributes.h"
#include "er_dsp.h"
#include "er_kernels.h"
#include "er_patch.h"
#include "er_range.h"

enum { TOGETHER = 4 };

/* Where a tap is: in the input, from the first tap inside the image on, and in the weights. */
typedef struct {
    int32_t input, weights;
} tap;

typedef struct {
    const er_conv_s8 *p;
    const tap *taps, *end;
    er_range_s8 range;
    int32_t multiplier;
    int is_ordinary; /* er_scale_quickly serves all channels, and the range is that of int8 */
} job;

/* Whether the outputs of a layer lie on a line. */
static inline int is_straight(const er_conv_s8 *p)
{
    return ER_DEPTHWISE_STRAIGHT && (!ER_DEPTHWISE_OTHER || p->shift == NULL);
}

/* What the sum of a channel starts with. Where outputs lie on a line, its bias has a fraction, and
 * comes in afterwards. */
static inline int32_t first_sum(const er_conv_s8 *p, int32_t channel)
{
    return is_straight(p) ? 0 : p->bias[channel];
}

static inline int32_t straight_output(const job *j, int32_t bias, int32_t mantissa, int32_t sum)
{
    const int32_t zero = er_straight_zero(j->range.twice_zero_and_one);
    return er_scale_straight(er_wrapping_add(bias, er_shift_left(sum, 8)), mantissa, zero);
}

/* Scales and stores outputs of `count` channels from `channel` on. */
ER_SMALL void store(const job *j, int32_t channel, int32_t count, const int32_t *sums, int8_t *to)
{
    const er_conv_s8 *p = j->p;
    for (int32_t i = channel; i < channel + count; i++, sums++) {
        if (is_straight(p)) {
            const int32_t value = straight_output(j, p->bias[i], p->mantissa[i], *sums);
            to[i] = (int8_t)er_clamp(j->range, value);
        } else {
            to[i] = er_scale(j->range, er_scaling_of(p->mantissa[i], p->shift[i]), *sums);
        }
    }
}

/* Scales and stores four outputs from `channel` on. */
ER_ALWAYS_INLINE void store_4(const job *j, int32_t channel, int32_t sums[TOGETHER], int8_t *to)
{
    const er_conv_s8 *p = j->p;
    const int32_t *bias = p->bias + channel, *mantissa = p->mantissa + channel;
    const int8_t *shift = is_straight(p) ? NULL : p->shift + channel;
    if (!j->is_ordinary) {
        store(j, channel, TOGETHER, sums, to);
        return;
    }
    for (int32_t i = 0; i < TOGETHER; i++) {
        const int32_t value =
            is_straight(p) ? straight_output(j, bias[i], mantissa[i], sums[i])
                           : er_scale_quickly(sums[i], er_scaling_of(mantissa[i], shift[i]),
                                              j->range.twice_zero_and_one);
        to[channel + i] = (int8_t)value;
    }
}

/* Four channels from `channel` on. */
ER_NEVER_INLINE void multiply_4(const job *j, int32_t channel, const int8_t *input, int8_t *to)
{
    const er_conv_s8 *p = j->p;
    const int8_t *weights = p->weights + channel;
    const er_pair minus_zeros = er_pack(-p->in_zero, -p->in_zero);
    int32_t sums[TOGETHER] = {first_sum(p, channel), first_sum(p, channel + 1),
                              first_sum(p, channel + 2), first_sum(p, channel + 3)};
    input += channel;
    ER_ROLLED_ALWAYS
    for (const tap *t = j->taps; t != j->end; t++) {
        const uint32_t x = er_load(input + t->input), w = er_load(weights + t->weights);
        const int32_t even = (int32_t)er_add_even(minus_zeros, x);
        const int32_t odd = (int32_t)er_add_odd(minus_zeros, x);
        sums[0] = __smlabb(even, (int32_t)er_even(w), sums[0]);
        sums[1] = __smlabb(odd, (int32_t)er_odd(w), sums[1]);
        sums[2] = __smlatt(even, (int32_t)er_even(w), sums[2]);
        sums[3] = __smlatt(odd, (int32_t)er_odd(w), sums[3]);
    }
    store_4(j, channel, sums, to);
}

/* Four channels, of whose inputs the first is `input`, and the others so far behind. */
ER_NEVER_INLINE void multiply_spread(const job *j, int32_t channel, const int8_t *input,
                                     const int32_t behind[TOGETHER], int8_t *to)
{
    const er_conv_s8 *p = j->p;
    const int8_t *weights = p->weights + channel;
    const int32_t zero = p->in_zero;
    int32_t sums[TOGETHER] = {first_sum(p, channel), first_sum(p, channel + 1),
                              first_sum(p, channel + 2), first_sum(p, channel + 3)};
    ER_ROLLED_ALWAYS
    for (const tap *t = j->taps; t != j->end; t++) {
        const int8_t *x = input + t->input;
        const uint32_t w = er_load(weights + t->weights);
        sums[0] = __smlabb(x[0] - zero, (int32_t)er_even(w), sums[0]);
        sums[1] = __smlabb(x[behind[1]] - zero, (int32_t)er_odd(w), sums[1]);
        sums[2] = __smlabt(x[behind[2]] - zero, (int32_t)er_even(w), sums[2]);
        sums[3] = __smlabt(x[behind[3]] - zero, (int32_t)er_odd(w), sums[3]);
    }
    store_4(j, channel, sums, to);
}

/* Four channels from `channel` on, each input channel serving `multiplier` of them. */
static inline void multiply_any_4(const job *j, int32_t channel, const int8_t *input, int8_t *to)
{
    if (j->multiplier == 1) {
        multiply_4(j, channel, input, to);
        return;
    }
    const int32_t first = channel / j->multiplier;
    int32_t behind[TOGETHER];
    for (int32_t i = 0; i < TOGETHER; i++) {
        behind[i] = (channel + i) / j->multiplier - first;
    }
    multiply_spread(j, channel, input + first, behind, to);
}

/* One channel, the input's `from`. */
ER_NEVER_INLINE void multiply_1(const job *j, int32_t channel, int32_t from, const int8_t *input,
                                int8_t *to)
{
    const int8_t *weights = j->p->weights + channel;
    const int32_t zero = j->p->in_zero;
    int32_t sum = first_sum(j->p, channel);
    input += from;
    ER_ROLLED_ALWAYS
    for (const tap *t = j->taps; t != j->end; t++) {
        sum = er_wrapping_add(sum, (input[t->input] - zero) * weights[t->weights]);
    }
    store(j, channel, 1, &sum, to);
}

/* One pixel; `input` is at the first tap inside the image. The last four channels may overlap those
 * before. */
static void multiply(const job *j, const int8_t *input, int8_t *to)
{
    const int32_t channels = j->p->window.out_c, last = channels - TOGETHER;
    if (last < 0) {
        for (int32_t i = 0; i < channels; i++) {
            multiply_1(j, i, i / j->multiplier, input, to);
        }
        return;
    }
    for (int32_t c = 0; c < last; c += TOGETHER) {
        multiply_any_4(j, c, input, to);
    }
    multiply_any_4(j, last, input, to);
}

/* Lists the taps of rows `y` and columns `x` of the kernel; returns the end of the list. */
ER_SMALL tap *list_taps(const er_window *w, er_range y, er_range x, tap *to)
{
    for (int32_t i = y.first; i < y.end; i++) {
        for (int32_t k = x.first; k < x.end; k++, to++) {
            const int32_t down = (i - y.first) * w->dilation_h * w->in_w;
            to->input = (down + (k - x.first) * w->dilation_w) * w->in_c;
            to->weights = (i * w->kernel_w + k) * w->out_c;
        }
    }
    return to;
}

/* `scratch`: a list of all taps. */
void er_depthwise_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    job j = {.p = p,
             .taps = scratch,
             .range = er_range_of(p->out_zero, p->act_min, p->act_max),
             .multiplier = w->out_c / w->in_c};
    j.is_ordinary = !er_is_partial(j.range) &&
                    (is_straight(p) || er_all_are_quick(p->shift, w->out_c));
    int32_t top = -w->pad_top;
    for (int32_t row = 0; row < w->out_h; row++, top += w->stride_h) {
        const er_range y = er_taps_inside(top, w->kernel_h, w->dilation_h, w->in_h);
        er_range listed = {0, -1, 0};
        int32_t left = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, left += w->stride_w) {
            const er_range x = er_taps_inside(left, w->kernel_w, w->dilation_w, w->in_w);
            if (x.first != listed.first || x.end != listed.end) {
                j.end = list_taps(w, y, x, scratch);
                listed = x;
            }
            multiply(&j, input + (y.start * w->in_w + x.start) * w->in_c, output);
            output += w->out_c;
        }
    }
}
