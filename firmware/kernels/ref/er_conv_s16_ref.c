/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_patch.h"
#include "er_wide.h"

/* Weights are OHWI, I being the channels of a group. The patch that an output pixel reads is copied
 * to `scratch` first; after that, where there is one group, its input may be overwritten. */
void er_conv_s16_ref(const er_conv_s16 *p, const int16_t *input, int16_t *output, void *scratch)
{
    er_window w = p->window;
    const int32_t groups = (int32_t)p->groups, each = w.in_c / groups, made = w.out_c / groups;
    const int32_t depth = w.kernel_h * w.kernel_w * each, bytes = 2 * each;
    w.in_c = (uint16_t)(2 * w.in_c); /* patches are copied by bytes */
    for (int32_t pixel = 0; pixel < w.out_h * w.out_w; pixel++) {
        const int8_t *weights = p->weights;
        for (int32_t c = 0; c < w.out_c; c++, weights += depth) {
            if (c % made == 0) {
                er_patch_group(&w, (const int8_t *)input, pixel / w.out_w, pixel % w.out_w,
                               c / made * bytes, bytes, 0, scratch);
            }
            const int64_t sum = p->bias[c] + er_dot_wide(scratch, weights, depth);
            *output++ = er_finish_wide(sum, p->wide, p->mantissa[c], p->shift[c], p->act_min,
                                       p->act_max);
        }
    }
}
