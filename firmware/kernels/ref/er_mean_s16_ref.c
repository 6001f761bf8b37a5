/* SPDX-License-Identifier: Apache-2.0 */
#include "er_means.h"

void er_mean_s16_ref(const er_mean *p, const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    er_mean_ints(p, input, output, 1);
}
