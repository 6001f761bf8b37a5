/* SPDX-License-Identifier: Apache-2.0
 *
 * Four rows of weights at a time. With a single input, unpacking the weights costs as much as
 * multiplying them, so two rows share one SXTB16: a pair of bytes (a + 128, b) is also the int16
 * 256 * b + a + 128. Multiplied as they stand, such pairs give 256 * B + A', and their lower bytes
 * alone A', where B is the inner product of row b, and A' that of row a plus 128 times the sum of
 * the inputs.
 *
 * Weights, for each two rows and each group of four elements: the bytes a_0 + 128, b_0, a_2 + 128,
 * b_2, a_1 + 128, b_1, a_3 + 128, b_3. Four rows at a time alternate group by group; two rows, then
 * one row as it is, are left over. Zeros fill the last group of a row.
 */
#include "er_dsp.h"
#include "er_kernels.h"

/* B of so many elements, each product at most 2^14, has 24 bits. */
enum { MOST_AT_ONCE = 508 };

/* The sum of all elements of a vector. */
static int32_t sum_of(const int8_t *input, uint32_t count)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += input[i];
    }
    return sum;
}

/* Adds one group to A' (`low`) and 256 * B + A' (`both`) of `pairs` pairs of rows. */
ER_ALWAYS_INLINE void add_group(uint32_t input, const int8_t *weights, int32_t pairs, int32_t *low,
                             int32_t *both)
{
    const er_pair even = er_even(input), odd = er_odd(input);
    for (int32_t i = 0; i < pairs; i++) {
        const uint32_t first = er_load(weights + 8 * i), second = er_load(weights + 8 * i + 4);
        low[i] = er_mac(er_even_unsigned(first), even, low[i]);
        both[i] = er_mac(first, even, both[i]);
        low[i] = er_mac(er_even_unsigned(second), odd, low[i]);
        both[i] = er_mac(second, odd, both[i]);
    }
}

/* The inner products of 2 * `pairs` rows, `pairs` being 1 or 2, are added to `sums`. */
ER_ALWAYS_INLINE const int8_t *add_rows(const int8_t *input, uint32_t count,
                                        const int8_t *weights, int32_t pairs, int32_t *sums)
{
    while (count > 0) {
        int32_t low[2] = {0, 0}, both[2] = {0, 0};
        const uint32_t now = count < MOST_AT_ONCE ? count : MOST_AT_ONCE;
        for (uint32_t i = now / 4; i > 0; i--, input += 4, weights += 8 * pairs) {
            add_group(er_load(input), weights, pairs, low, both);
        }
        if (now % 4 != 0) {
            add_group(er_load_tail(input, now % 4), weights, pairs, low, both);
            weights += 8 * pairs;
        }
        for (int32_t i = 0; i < pairs; i++) {
            sums[2 * i] += low[i];
            sums[2 * i + 1] += er_wrapping_add(both[i], -low[i]) >> 8;
        }
        count -= now;
    }
    return weights;
}

/* The inner product of the odd last row. */
static int32_t add_last_row(const int8_t *input, uint32_t count, const int8_t *weights, int32_t sum)
{
    for (; count > 0; count--) {
        sum += *input++ * *weights++;
    }
    return sum;
}

static void multiply(const er_linear_s8 *p, er_range_s8 range, const int8_t *input, int8_t *output)
{
    const int32_t excess = 128 * sum_of(input, p->in);
    const int8_t *weights = p->weights;
    for (uint32_t c = 0; c < p->out;) {
        const uint32_t rows = p->out - c >= 4 ? 4 : p->out - c >= 2 ? 2 : 1;
        int32_t sums[4];
        for (uint32_t i = 0; i < rows; i++) {
            sums[i] = er_wrapping_add(p->bias[c + i], i % 2 == 0 && rows > 1 ? -excess : 0);
        }
        if (rows == 4) {
            weights = add_rows(input, p->in, weights, 2, sums);
        } else if (rows == 2) {
            weights = add_rows(input, p->in, weights, 1, sums);
        } else {
            sums[0] = add_last_row(input, p->in, weights, sums[0]);
        }
        for (uint32_t i = 0; i < rows; i++, c++) {
            er_scale(range, er_scaling_of(p->mantissa[c], p->shift[c]), 1, &sums[i]);
            output[c] = (int8_t)sums[i];
        }
    }
}

void er_linear_s8_dsp(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_range_s8 range = er_range_of(p->out_zero, p->act_min, p->act_max);
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->in, output += p->out) {
        multiply(p, range, input, output);
    }
}
