/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"

/* The elements that one output is the mean of: `sizes` are 1 along the axes that are kept. */
static int32_t sum_over(const uint32_t sizes[4], const uint32_t strides[4], const int8_t *input)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < sizes[0]; i++) {
        for (uint32_t j = 0; j < sizes[1]; j++) {
            for (uint32_t k = 0; k < sizes[2]; k++) {
                const int8_t *line = input + i * strides[0] + j * strides[1] + k * strides[2];
                for (uint32_t m = 0; m < sizes[3]; m++) {
                    sum += line[m * strides[3]];
                }
            }
        }
    }
    return sum;
}

void er_mean_s8_ref(const er_mean_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const uint32_t *n = p->shape;
    const uint32_t strides[4] = {n[1] * n[2] * n[3], n[2] * n[3], n[3], 1};
    uint32_t kept[4], reduced[4];
    (void)scratch;
    for (uint32_t axis = 0; axis < 4; axis++) {
        const uint32_t is_reduced = p->reduce >> axis & 1;
        reduced[axis] = is_reduced ? n[axis] : 1;
        kept[axis] = is_reduced ? 1 : n[axis];
    }
    for (uint32_t i = 0; i < kept[0]; i++) {
        for (uint32_t j = 0; j < kept[1]; j++) {
            for (uint32_t k = 0; k < kept[2]; k++) {
                const int8_t *line = input + i * strides[0] + j * strides[1] + k * strides[2];
                for (uint32_t m = 0; m < kept[3]; m++) {
                    const int32_t sum = sum_over(reduced, strides, line + m);
                    const int32_t scaled = er_multiply(sum - p->in_zero * p->count,
                                                       p->factor.mantissa, p->factor.shift);
                    *output++ = er_offset_and_clamp(scaled, p->out_zero, INT8_MIN, INT8_MAX);
                }
            }
        }
    }
}
