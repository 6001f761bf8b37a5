/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_transposed.h"

typedef struct {
    const er_conv_grouped_s8 *p;
    const int8_t *input;
    uint32_t *sums;
} spread;

static inline void add(const void *job, int32_t channel, int32_t input, int32_t weight,
                       int32_t count)
{
    const spread *s = job;
    const int8_t *a = s->input + input, *b = s->p->weights + weight;
    uint32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += (uint32_t)((a[i] - s->p->in_zero) * (b[i] - s->p->weight_zero));
    }
    s->sums[channel] += sum;
}

/* `scratch` holds a sum for each output channel. */
void er_conv_transposed_s8_ref(const er_conv_grouped_s8 *p, const int8_t *input, int8_t *output,
                               void *scratch)
{
    const er_window *w = &p->window;
    const spread job = {p, input, scratch};
    for (int32_t pixel = 0; pixel < w->out_h * w->out_w; pixel++) {
        for (int32_t c = 0; c < w->out_c; c++) {
            job.sums[c] = (uint32_t)p->bias[c];
        }
        er_add_sources(w, p->groups, pixel, add, &job);
        for (int32_t c = 0; c < w->out_c; c++) {
            const int32_t scaled = er_multiply((int32_t)job.sums[c], p->mantissa[c], p->shift[c]);
            *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
        }
    }
}
