/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax in fixed point, as gemmlowp and TensorFlow Lite Micro compute it; in the comments, Qm.n
 * is a number with m integer and n fraction bits.
 */
#include "er_fixed.h"
#include "er_kernels.h"

static int32_t saturating_shift_left(int32_t a, int32_t n)
{
    const int32_t most = INT32_MAX >> n, least = INT32_MIN >> n;
    return a > most ? INT32_MAX : a < least ? INT32_MIN : er_shift_left(a, n);
}

/* exp(a) as Q0.31, for a <= 0 in Q5.26. */
static int32_t exp_of_negative(int32_t a)
{
    /* exp(-2^k) for k = -2 ... 4, as Q0.31. */
    static const int32_t powers[7] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
    const int32_t quarter = 1 << 24;
    const int32_t residue = (a & (quarter - 1)) - quarter;
    const int32_t remainder = er_wrapping_add(residue, -a);
    /* A fourth-order polynomial around -1/8, on [-1/4, 0). */
    const int32_t x = er_shift_left(residue, 5) + (1 << 28);
    const int32_t x2 = er_high(x, x);
    const int32_t x3 = er_high(x2, x);
    const int32_t x4_quarter = er_rounding_shift_right(er_high(x2, x2), 2);
    const int32_t tail = er_rounding_shift_right(er_high(x4_quarter + x3, 715827883) + x2, 1);
    int32_t result = 1895147668 + er_high(1895147668, x + tail);
    if (a == 0) {
        return INT32_MAX;
    }
    for (int32_t i = 0; i < 7; i++) {
        if (remainder & quarter << i) {
            result = er_high(result, powers[i]);
        }
    }
    return result;
}

/* 1 / (1 + a) as Q0.31, for a of 0 to 1 as Q0.31: three Newton steps from 48/17 - 32/17 d. */
static int32_t reciprocal_of_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((uint32_t)a + (uint32_t)INT32_MAX + 1) >> 1);
    int32_t x = 1515870810 + er_high(half, -1010580540);
    for (int32_t i = 0; i < 3; i++) {
        const int32_t error = (1 << 29) - er_high(half, x);
        x += saturating_shift_left(er_high(x, error), 2);
    }
    return saturating_shift_left(x, 1);
}

/* What stands for an input that is `difference` below the largest; also adds to the sum of all,
 * which is Q12.19 and so holds at most 4095 terms. */
static int32_t exponential(const er_softmax_s8 *p, int32_t difference)
{
    return exp_of_negative(
        er_high(er_shift_left(difference, p->factor.shift), p->factor.mantissa));
}

static int32_t sum_of_exponentials(const er_softmax_s8 *p, const int8_t *input, int32_t largest)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < p->depth; i++) {
        const int32_t difference = input[i] - largest;
        if (difference >= p->smallest) {
            sum += er_rounding_shift_right(exponential(p, difference), 12);
        }
    }
    return sum;
}

static void softmax_row(const er_softmax_s8 *p, const int8_t *input, int8_t *output)
{
    int32_t largest = INT8_MIN, zeros = 0, sum;
    for (uint32_t i = 0; i < p->depth; i++) {
        largest = input[i] > largest ? input[i] : largest;
    }
    sum = sum_of_exponentials(p, input, largest);
    while (sum > 0) {
        sum = er_shift_left(sum, 1);
        zeros++;
    }
    /* The sum is now 1 + a, a being all bits but the first. */
    const int32_t scale = reciprocal_of_one_plus((int32_t)((uint32_t)sum & INT32_MAX));
    const int32_t shift = 12 - zeros + 31 - 8;
    for (uint32_t i = 0; i < p->depth; i++) {
        const int32_t difference = input[i] - largest;
        int32_t result = INT8_MIN;
        if (difference >= p->smallest && shift < 32) {
            const int32_t product = er_high(scale, exponential(p, difference));
            result = er_offset_and_clamp(er_rounding_shift_right(product, shift), INT8_MIN,
                                         INT8_MIN, INT8_MAX);
        }
        output[i] = (int8_t)result;
    }
}

void er_softmax_s8_ref(const er_softmax_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    for (uint32_t row = 0; row < p->rows; row++, input += p->depth, output += p->depth) {
        softmax_row(p, input, output);
    }
}
