/* SPDX-License-Identifier: Apache-2.0 */
#include "er_exponential.h"

/* 1 / sqrt(x) for x > 0, by Newton's iteration in Q3.28. */
static er_multiplier reciprocal_square_root(int32_t x)
{
    er_multiplier result = {INT32_MAX, 0};
    int32_t right = 11, root = 1 << 28;
    if (x <= 1) {
        return result;
    }
    for (; x >= 1 << 29; x >>= 2) {
        right++;
    }
    for (; x < 1 << 27; x <<= 2) {
        right--;
    }
    const int32_t half = er_rounding_shift_right(x >> 1, 1);
    for (int32_t i = 0; i < 5; i++) {
        const int32_t cube = er_saturating_shift_left(er_high(er_high(root, root), root), 6);
        root = er_saturating_shift_left(
            er_high((1 << 28) + (1 << 27), root) - er_high(half, cube), 3);
    }
    root = er_high(root, 1518500250);
    result.mantissa = right < 0 ? er_shift_left(root, -right) : root;
    result.shift = right < 0 ? 0 : -right;
    return result;
}

void er_l2_norm_s8_ref(const er_l2_norm_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->depth, output += p->depth) {
        int32_t sum = 0;
        for (uint32_t i = 0; i < p->depth; i++) {
            sum += (input[i] - p->zero) * (input[i] - p->zero);
        }
        const er_multiplier root = reciprocal_square_root(sum);
        for (uint32_t i = 0; i < p->depth; i++) {
            const int32_t scaled = er_multiply(input[i] - p->zero, root.mantissa, root.shift + 7);
            output[i] = er_offset_and_clamp(scaled, 0, INT8_MIN, INT8_MAX);
        }
    }
}
