/* SPDX-License-Identifier: Apache-2.0
 *
 * Half a byte a weight. The two words that er_linear_dsp.h tells of share one: the first has the
 * upper halves of its bytes, the second the lower. A row that stands as it is has two elements a
 * byte, the first in the lower half.
 *
 * Masked as they stand, halves are 16 times the weights, as int8: 16 a + 128 and 16 b. So are sums,
 * which 32 bits hold for up to 2^17 elements; the bias comes in afterwards.
 */
#include "er_dsp.h"

enum { PAIR_BYTES = 4, WEIGHT_BITS = 4 };

/* The upper halves of all bytes. */
static inline uint32_t upper(uint32_t bytes)
{
    return bytes & 0xf0f0f0f0;
}

static inline uint32_t first(const int8_t *weights)
{
    return upper(er_load(weights));
}

static inline uint32_t second(const int8_t *weights)
{
    return upper(er_load(weights) << 4);
}

static inline int32_t element(const int8_t *weights, uint32_t index)
{
    const uint32_t both = (uint8_t)weights[index / 2];
    return (int8_t)(uint8_t)((index % 2 == 0 ? both << 4 : both) & 0xf0);
}

static inline uint32_t four_elements(const int8_t *weights, uint32_t index)
{
    uint32_t four = 0;
    for (uint32_t i = 4; i-- > 0;) {
        four = four << 8 | (uint8_t)element(weights, index + i);
    }
    return four;
}

#define LOAD                                                                                       \
    "ldrd r8, r10, [r1], #8\n\t"                                                                   \
    "lsl r9, r8, #4\n\t"                                                                           \
    "lsl r11, r10, #4\n\t"                                                                         \
    "and r8, r8, #0xf0f0f0f0\n\t"                                                                  \
    "and r9, r9, #0xf0f0f0f0\n\t"                                                                  \
    "and r10, r10, #0xf0f0f0f0\n\t"                                                                \
    "and r11, r11, #0xf0f0f0f0\n\t"

#define GROUP_BYTES "88"
#define A_TWICE ", asr #4"
#define B_TWICE ", asr #12"
#define A_STRAIGHT ", lsl #4"
#define B_STRAIGHT ", asr #4"

#include "er_linear_dsp.h"

void er_linear_s8w4_dsp(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    multiply(p, input, output);
}
