/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_transposed.h"
#include "er_wide.h"

typedef struct {
    const er_conv_s16 *p;
    const int16_t *input;
    int64_t *sums;
} spread;

static inline void add(const void *job, int32_t channel, int32_t input, int32_t weight,
                       int32_t count)
{
    const spread *s = job;
    s->sums[channel] += er_dot_wide(s->input + input, s->p->weights + weight, count);
}

/* `scratch` holds a sum for each output channel. */
void er_conv_transposed_s16_ref(const er_conv_s16 *p, const int16_t *input, int16_t *output,
                                void *scratch)
{
    const er_window *w = &p->window;
    const spread job = {p, input, scratch};
    for (int32_t pixel = 0; pixel < w->out_h * w->out_w; pixel++) {
        for (int32_t c = 0; c < w->out_c; c++) {
            job.sums[c] = p->bias[c];
        }
        er_add_sources(w, p->groups, pixel, add, &job);
        for (int32_t c = 0; c < w->out_c; c++) {
            *output++ = er_finish_wide(job.sums[c], p->wide, p->mantissa[c], p->shift[c],
                                       p->act_min, p->act_max);
        }
    }
}
