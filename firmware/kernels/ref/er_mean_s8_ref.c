/* SPDX-License-Identifier: Apache-2.0 */
#include "er_means.h"

void er_mean_s8_ref(const er_mean *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    er_mean_ints(p, input, output, 0);
}
