/* SPDX-License-Identifier: Apache-2.0 */
#include "er_fixed.h"
#include "er_kernels.h"
#include "er_stored.h"

/* A table of 513 samples at an int16 value, with straight lines between them. */
static int32_t look_up(const int16_t *table, int32_t value)
{
    const int16_t *at = table + 256 + (value >> 7);
    return at[0] + (((at[1] - at[0]) * (value & 127) + 64) >> 7);
}

static void softmax_row(const er_softmax_s16 *p, const int16_t *input, int16_t *output)
{
    int32_t largest = INT16_MIN, sum = 0, zeros = 0;
    for (uint32_t i = 0; i < p->depth; i++) {
        largest = input[i] > largest ? input[i] : largest;
    }
    for (uint32_t i = 0; i < p->depth; i++) {
        const int32_t scaled =
            er_multiply(input[i] - largest, p->factor.mantissa, p->factor.shift);
        const int32_t place = er_clamp(er_wrapping_add(scaled, 32767), INT16_MIN, INT16_MAX);
        output[i] = (int16_t)look_up(p->exponential, place);
        sum += output[i];
    }
    while (sum >> (30 - zeros) == 0) {
        zeros++;
    }
    /* The sum is 1 + x in [1, 2) with 16 fraction bits, x over the whole range of int16. */
    const int32_t one_and_more = (int32_t)((((uint32_t)sum << zeros) + (1u << 13)) >> 14);
    const int32_t place = er_clamp(one_and_more - (1 << 15) - (1 << 16), INT16_MIN, INT16_MAX);
    const int32_t reciprocal = look_up(p->reciprocal, place), shift = 30 - zeros;
    for (uint32_t i = 0; i < p->depth; i++) {
        const int32_t product = output[i] * reciprocal;
        output[i] = (int16_t)er_clamp((product + (1 << (shift - 1))) >> shift, 0, INT16_MAX);
    }
}

void er_softmax_s16_ref(const er_softmax_s16 *p, const int16_t *input, int16_t *output,
                        void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->depth, output += p->depth) {
        softmax_row(p, input, output);
    }
}
