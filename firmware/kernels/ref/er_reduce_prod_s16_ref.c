/* SPDX-License-Identifier: Apache-2.0 */
#include "er_products.h"

void er_reduce_prod_s16_ref(const er_reduce_prod *p, const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    er_reduce_prod_ints(p, input, output, 1);
}
