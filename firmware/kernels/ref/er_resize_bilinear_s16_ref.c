/* SPDX-License-Identifier: Apache-2.0 */
#include "er_between.h"
#include "er_kernels.h"

void er_resize_bilinear_s16_ref(const er_resize *p, const int16_t *input, int16_t *output,
                               void *scratch)
{
    const uint32_t depth = p->channels, image = p->in_h * p->in_w * depth;
    (void)scratch;
    for (uint32_t batch = 0; batch < p->batch; batch++, input += image) {
        for (uint32_t y = 0; y < p->out_h; y++) {
            const er_between h = er_between_at((int32_t)y * p->scale_h + p->offset_h, p->in_h);
            const int16_t *top = input + h.first * p->in_w * depth;
            const int16_t *bottom = input + h.second * p->in_w * depth;
            for (uint32_t x = 0; x < p->out_w; x++) {
                const er_between w = er_between_at((int32_t)x * p->scale_w + p->offset_w, p->in_w);
                const int32_t up = ER_PIXEL - h.share, left = ER_PIXEL - w.share;
                const int64_t nw = up * left, ne = up * w.share;
                const int64_t sw = h.share * left, se = h.share * w.share;
                const uint32_t a = w.first * depth, b = w.second * depth;
                for (uint32_t c = 0; c < depth; c++) {
                    const int64_t sum = top[a + c] * nw + top[b + c] * ne + bottom[a + c] * sw +
                                        bottom[b + c] * se;
                    const int64_t half = sum > 0 ? 1 << 19 : -(1 << 19);
                    *output++ = (int16_t)((sum + half) / (1 << 20));
                }
            }
        }
    }
}
