/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"

/* The nearest integer, halves away from zero, within 2^30; 0 for what is not a number. */
static int32_t nearest(float value)
{
    if (!(value > -1073741824.0f)) {
        return value == value ? -1073741824 : 0;
    }
    if (value > 1073741824.0f) {
        return 1073741824;
    }
    const int32_t whole = (int32_t)value;
    const float rest = value - (float)whole; /* exact: both have the same exponent or less */
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

void er_quantize_f32_ref(const er_quantize_f32 *p, const float *input, int8_t *output,
                         void *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < p->elements; i++) {
        output[i] = er_offset_and_clamp(nearest(input[i] / p->scale), p->zero, INT8_MIN, INT8_MAX);
    }
}
