/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dot.h"
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_patch.h"

/* The sum of `count` elements. */
static int32_t total(const int8_t *elements, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += elements[i];
    }
    return sum;
}

/* A product (a - in_zero) * (w - weight_zero) is a * w - weight_zero * a and a part without a, which
 * is folded into the bias. So what lies outside the image reads as the zero point. */
void er_conv_grouped_s8_ref(const er_conv_grouped_s8 *p, const int8_t *input, int8_t *output,
                            void *scratch)
{
    const er_window *w = &p->window;
    const int32_t groups = (int32_t)p->groups, each = w->in_c / groups, made = w->out_c / groups;
    const int32_t depth = w->kernel_h * w->kernel_w * each;
    for (int32_t pixel = 0; pixel < w->out_h * w->out_w; pixel++) {
        const int8_t *weights = p->weights;
        uint32_t offset = 0;
        for (int32_t channel = 0; channel < w->out_c; channel++, weights += depth) {
            if (channel % made == 0) {
                er_patch_group(w, input, pixel / w->out_w, pixel % w->out_w,
                               channel / made * each, each, p->in_zero, scratch);
                offset = (uint32_t)p->weight_zero * (uint32_t)total(scratch, depth);
            }
            uint32_t sum = (uint32_t)p->bias[channel] - offset;
            er_dot_1(scratch, weights, depth, &sum);
            const int32_t scaled =
                er_multiply((int32_t)sum, p->mantissa[channel], p->shift[channel]);
            *output++ = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
        }
    }
}
