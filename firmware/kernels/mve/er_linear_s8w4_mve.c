/* SPDX-License-Identifier: Apache-2.0
 *
 * Half a byte a weight: a vector has one of weights in its lower halves, and the next in its upper
 * ones. All else is as er_linear_mve.h has it.
 */
#include "er_kernels.h"
#include "er_nibbles_mve.h"

enum { UNIT = 2 };

static inline int32_t add_unit(int32_t sum, const int8_t *input, const int8_t *weights)
{
    const int8x16_t both = vldrbq_s8(weights);
    sum = vmladavaq_s8(sum, vldrbq_s8(input), er_lower_halves(both));
    return vmladavaq_s8(sum, vldrbq_s8(input + ER_BLOCK), er_upper_halves(both));
}

#include "er_linear_mve.h"

void er_linear_s8w4_mve(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    multiply_all(p, input, output, scratch);
}
