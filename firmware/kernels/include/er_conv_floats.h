/* SPDX-License-Identifier: Apache-2.0
 *
 * The convolutions in single precision, for every kind of weights.
 */
#ifndef ER_CONV_FLOATS_H
#define ER_CONV_FLOATS_H

#include "er_floats.h"
#include "er_kernels.h"
#include "er_patch.h"
#include "er_range.h"
#include "er_transposed.h"

static inline er_channels_f32 er_channels_of(const er_conv_f32 *p)
{
    const er_channels_f32 channels = {p->act_min, p->act_max, p->weights, p->scale, p->bias};
    return channels;
}

/* Two pixels at a time, whose patches are copied to `scratch` first; after that, where there is
 * one group, their input may be overwritten. Each group's weights lie as er_multiply_f32 reads
 * them. */
ER_ALWAYS_INLINE void er_conv_floats(const er_conv_f32 *p, const float *input, float *output,
                                     void *scratch, er_kind kind)
{
    const er_channels_f32 channels = er_channels_of(p);
    er_window w = p->window;
    const int32_t groups = (int32_t)p->groups, each = w.in_c / groups, made = w.out_c / groups;
    const int32_t depth = w.kernel_h * w.kernel_w * each, pixels = w.out_h * w.out_w;
    float *patches = scratch;
    w.in_c = (uint16_t)(w.in_c * sizeof(float)); /* patches are copied by bytes */
    for (int32_t group = 0; group < groups; group++) {
        float *to = output + group * made;
        int32_t row = 0, column = 0, vectors = 2;
        for (int32_t pixel = 0; pixel < pixels; pixel += 2, to += 2 * w.out_c) {
            vectors = er_least(pixels - pixel, 2);
            for (int32_t i = 0; i < vectors; i++) {
                er_patch_group(&w, (const int8_t *)input, row, column,
                               group * each * (int32_t)sizeof(float),
                               each * (int32_t)sizeof(float), 0, patches + i * depth);
                if (++column == w.out_w) {
                    column = 0;
                    row++;
                }
            }
            er_multiply_f32(&channels, group * made, made, patches, vectors, depth, to, w.out_c,
                            kind);
        }
    }
}

/* One output of a depthwise convolution, of channel `c`. */
ER_ALWAYS_INLINE float er_depthwise_sum(const er_window *w, const float *input,
                                        const void *weights, er_range y, er_range x, int32_t c,
                                        er_kind kind)
{
    const int32_t multiplier = w->out_c / w->in_c;
    float sum = 0;
    for (int32_t i = y.first, row = y.start; i < y.end; i++, row += w->dilation_h) {
        const float *pixel = input + (row * w->in_w + x.start) * w->in_c + c / multiplier;
        int32_t at = (i * w->kernel_w + x.first) * w->out_c + c;
        for (int32_t j = x.first; j < x.end; j++, at += w->out_c) {
            sum += *pixel * er_weight(weights, at, kind);
            pixel += w->dilation_w * w->in_c;
        }
    }
    return sum;
}

/* The same of four channels, where each input channel serves one output. */
ER_ALWAYS_INLINE void er_depthwise_sum_4(const er_window *w, const float *input,
                                         const void *weights, er_range y, er_range x, int32_t c,
                                         float *sums, er_kind kind)
{
    float a0 = 0, a1 = 0, a2 = 0, a3 = 0;
    for (int32_t i = y.first, row = y.start; i < y.end; i++, row += w->dilation_h) {
        const float *pixel = input + (row * w->in_w + x.start) * w->in_c + c;
        int32_t at = (i * w->kernel_w + x.first) * w->out_c + c;
        for (int32_t j = x.first; j < x.end; j++, at += w->out_c) {
            a0 += pixel[0] * er_weight(weights, at, kind);
            a1 += pixel[1] * er_weight(weights, at + 1, kind);
            a2 += pixel[2] * er_weight(weights, at + 2, kind);
            a3 += pixel[3] * er_weight(weights, at + 3, kind);
            pixel += w->dilation_w * w->in_c;
        }
    }
    sums[0] = a0, sums[1] = a1, sums[2] = a2, sums[3] = a3;
}

/* Weights are 1HWO. */
ER_ALWAYS_INLINE void er_depthwise_floats(const er_conv_f32 *p, const float *input, float *output,
                                          er_kind kind)
{
    const er_channels_f32 channels = er_channels_of(p);
    const er_window *w = &p->window;
    for (int32_t row = 0; row < w->out_h; row++) {
        const er_range y = er_taps_inside(row * w->stride_h - w->pad_top, w->kernel_h,
                                          w->dilation_h, w->in_h);
        for (int32_t column = 0; column < w->out_w; column++, output += w->out_c) {
            const er_range x = er_taps_inside(column * w->stride_w - w->pad_left, w->kernel_w,
                                              w->dilation_w, w->in_w);
            int32_t c = 0;
            for (; w->in_c == w->out_c && c + 4 <= w->out_c; c += 4) {
                float sums[4];
                er_depthwise_sum_4(w, input, p->weights, y, x, c, sums, kind);
                for (int32_t i = 0; i < 4; i++) {
                    output[c + i] = er_finish_f32(&channels, c + i, sums[i], kind);
                }
            }
            for (; c < w->out_c; c++) {
                const float sum = er_depthwise_sum(w, input, p->weights, y, x, c, kind);
                output[c] = er_finish_f32(&channels, c, sum, kind);
            }
        }
    }
}

typedef struct {
    const er_conv_f32 *p;
    const float *input;
    float *sums;
    er_kind kind;
} er_spread_f32;

ER_ALWAYS_INLINE void er_add_floats(const void *job, int32_t channel, int32_t input,
                                    int32_t weight, int32_t count)
{
    const er_spread_f32 *s = job;
    const void *weights = er_skip(s->p->weights, weight, s->kind);
    s->sums[channel] += er_sum_1(s->input + input, weights, 1, count, s->kind);
}

/* Weights are OHWI. `scratch` holds a sum for each output channel. */
ER_ALWAYS_INLINE void er_conv_transposed_floats(const er_conv_f32 *p, const float *input,
                                                float *output, void *scratch, er_kind kind)
{
    const er_channels_f32 channels = er_channels_of(p);
    const er_window *w = &p->window;
    const er_spread_f32 job = {p, input, scratch, kind};
    for (int32_t pixel = 0; pixel < w->out_h * w->out_w; pixel++, output += w->out_c) {
        for (int32_t c = 0; c < w->out_c; c++) {
            job.sums[c] = 0;
        }
        er_add_sources(w, p->groups, pixel, er_add_floats, &job);
        for (int32_t c = 0; c < w->out_c; c++) {
            output[c] = er_finish_f32(&channels, c, job.sums[c], kind);
        }
    }
}

#endif
