/* SPDX-License-Identifier: Apache-2.0 */
#include "er_products.h"

void er_reduce_prod_s8_ref(const er_reduce_prod *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    er_reduce_prod_ints(p, input, output, 0);
}
