/* SPDX-License-Identifier: Apache-2.0 */
#include "er_exponential.h"
#include "er_stored.h"

static int32_t leading_zeros(int32_t a)
{
    int32_t zeros = 0;
    for (; a > 0; a = er_shift_left(a, 1)) {
        zeros++;
    }
    return zeros;
}

/* ln(x) as Q5.26, for x >= 1 as Q12.19: x is 2^n * r with r around sqrt(1/2), and ln(r) a rational
 * function around the fourth root of 1/2, in Q6.25. */
static int32_t log_of(int32_t x)
{
    const int32_t half_root = 1518500250, fourth_root = 1805811301;
    const int32_t zeros_a = leading_zeros(x);
    const int32_t zeros_b = leading_zeros(er_high(x, half_root)) - 1;
    const int32_t reduced_a =
        er_saturating_shift_left(er_high(er_shift_left(x, zeros_a - 1), half_root), 1);
    const int32_t reduced_b = er_saturating_shift_left(x, zeros_b);
    const int32_t power_a = er_shift_left(12 - zeros_a, 25) + (1 << 23);
    const int32_t power_b = er_shift_left(12 - zeros_b, 25) - (1 << 23);
    const int32_t reduced = reduced_a < reduced_b ? reduced_a : reduced_b;
    const int32_t power = power_a > power_b ? power_a : power_b;

    const int32_t middle = (int32_t)(((uint32_t)reduced + (uint32_t)fourth_root + 1) >> 1);
    const int32_t offset = 2 * (reduced - fourth_root);
    const int32_t square = er_high(offset, offset);
    const int32_t numerator =
        er_high(offset, reduced) + er_high(er_high(offset, square), 117049297);
    const int32_t inner = 1057819769 + offset + er_high(127690142, square);
    const int32_t denominator = er_high(middle, inner) + er_high(638450708, offset);
    const int32_t log_reduced = er_high(er_rounding_shift_right(numerator, 6),
                                        er_reciprocal_of_one_plus(denominator));
    return er_saturating_shift_left(er_high(power, 1488522236) + log_reduced, 1);
}

static void log_softmax_row(const er_log_softmax_s8 *p, const int8_t *input, int8_t *output)
{
    const int32_t largest = er_largest_of(input, p->depth);
    const uint32_t sum =
        er_sum_of_exponentials(input, p->depth, largest, p->factor, p->smallest);
    const int32_t log_sum = log_of(sum < INT32_MAX ? (int32_t)sum : INT32_MAX);
    int32_t least = er_multiply(log_sum + INT32_MIN, p->reverse.mantissa, p->reverse.shift);
    least = least > p->smallest - 1 ? least : p->smallest - 1;
    for (uint32_t i = 0; i < p->depth; i++) {
        const int32_t difference = input[i] - largest;
        int32_t result = INT8_MIN;
        if (difference > least) {
            const int32_t fixed = er_in_q5(difference, p->factor) - log_sum;
            result = er_saturate(er_rounding_shift_right(fixed, 22) + INT8_MAX, 0);
        }
        output[i] = (int8_t)result;
    }
}

void er_log_softmax_s8_ref(const er_log_softmax_s8 *p, const int8_t *input, int8_t *output,
                           void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->depth, output += p->depth) {
        log_softmax_row(p, input, output);
    }
}
