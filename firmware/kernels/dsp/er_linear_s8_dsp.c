/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte a weight: words are as er_linear_dsp.h has them.
 */
#include "er_dsp.h"

enum { PAIR_BYTES = 8, WEIGHT_BITS = 0 };

static inline uint32_t first(const int8_t *weights)
{
    return er_load(weights);
}

static inline uint32_t second(const int8_t *weights)
{
    return er_load(weights + 4);
}

static inline int32_t element(const int8_t *weights, uint32_t index)
{
    return weights[index];
}

static inline uint32_t four_elements(const int8_t *weights, uint32_t index)
{
    return er_load(weights + index);
}

#define LOAD "ldm r1!, {r8-r11}\n\t"

#define GROUP_BYTES "64"
#define A_TWICE ""
#define B_TWICE ", asr #8"
#define A_STRAIGHT ", lsl #8"
#define B_STRAIGHT ""

#include "er_linear_dsp.h"

void er_linear_s8_dsp(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    multiply(p, input, output);
}
