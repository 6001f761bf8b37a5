/* SPDX-License-Identifier: Apache-2.0
 *
 * A byte a weight: see er_linear_mve.h.
 */
#include "er_kernels.h"
#include "er_mve.h"

enum { UNIT = 1 };

static inline int32_t add_unit(int32_t sum, const int8_t *input, const int8_t *weights)
{
    return vmladavaq_s8(sum, vldrbq_s8(input), vldrbq_s8(weights));
}

#include "er_linear_mve.h"

void er_linear_s8_mve(const er_linear_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    multiply_all(p, input, output, scratch);
}
