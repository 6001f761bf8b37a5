/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte a weight: see er_conv_mve.h.
 */
#include "er_kernels.h"
#include "er_mve.h"

enum { UNIT = 1 };

typedef struct {
    int8x16_t first[UNIT], second[UNIT];
} unit;

static inline unit load_unit(const int8_t *weights)
{
    const unit loaded = {{vldrbq_s8(weights)}, {vldrbq_s8(weights + ER_BLOCK)}};
    return loaded;
}

#include "er_conv_mve.h"

void er_conv_s8_mve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    convolve(p, input, output, scratch);
}
