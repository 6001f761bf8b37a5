/* SPDX-License-Identifier: Apache-2.0
 *
 * Half a byte a weight: a vector has one of weights in its lower halves, and the next in its upper
 * ones. All else is as er_conv_mve.h has it.
 */
#include "er_kernels.h"
#include "er_nibbles_mve.h"

enum { UNIT = 2 };

typedef struct {
    int8x16_t first[UNIT], second[UNIT];
} unit;

static inline unit load_unit(const int8_t *weights)
{
    const int8x16_t some = vldrbq_s8(weights), others = vldrbq_s8(weights + ER_BLOCK);
    const unit loaded = {{er_lower_halves(some), er_upper_halves(some)},
                         {er_lower_halves(others), er_upper_halves(others)}};
    return loaded;
}

#include "er_conv_mve.h"

void er_conv_s8w4_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
