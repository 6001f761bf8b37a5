/* SPDX-License-Identifier: Apache-2.0 */
#include "er_vec_pool.h"

void er_max_pool_s8_vec(const er_pool *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    er_vec_pool(p, input, output, 0);
}
