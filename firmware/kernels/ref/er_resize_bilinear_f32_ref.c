/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"

typedef struct {
    uint32_t first, second;
    float share;
} between;

/* One operation a statement, here and below: none is fused with another, on any core. */
static between between_at(uint32_t i, float half, float scale, uint32_t size)
{
    const float centre = (float)i + half;
    const float scaled = centre * scale;
    const float where = scaled - half;
    between at = {0, 0, where};
    if (where > 0) {
        at.first = (uint32_t)where;
        at.share = where - (float)at.first;
        at.second = at.first + (at.share > 0);
    }
    if (at.second > size - 1) {
        at.second = size - 1;
    }
    return at;
}

static float add(float sum, float pixel, float vertical, float horizontal)
{
    const float row = pixel * vertical;
    const float part = row * horizontal;
    return sum + part;
}

void er_resize_bilinear_f32_ref(const er_resize_f32 *p, const float *input, float *output,
                                void *scratch)
{
    const uint32_t depth = p->channels, image = p->in_h * p->in_w * depth;
    (void)scratch;
    for (uint32_t batch = 0; batch < p->batch; batch++, input += image) {
        for (uint32_t y = 0; y < p->out_h; y++) {
            const between h = between_at(y, p->half, p->scale_h, p->in_h);
            const float *top = input + h.first * p->in_w * depth;
            const float *bottom = input + h.second * p->in_w * depth;
            const float up = 1.0f - h.share;
            for (uint32_t x = 0; x < p->out_w; x++) {
                const between w = between_at(x, p->half, p->scale_w, p->in_w);
                const uint32_t a = w.first * depth, b = w.second * depth;
                const float left = 1.0f - w.share;
                for (uint32_t c = 0; c < depth; c++) {
                    float sum = add(0.0f, top[a + c], up, left);
                    sum = add(sum, top[b + c], up, w.share);
                    sum = add(sum, bottom[a + c], h.share, left);
                    *output++ = add(sum, bottom[b + c], h.share, w.share);
                }
            }
        }
    }
}
