/* SPDX-License-Identifier: Apache-2.0 */
#include "er_extremes.h"

void er_extreme_s16_ref(const er_extreme *p, const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    er_extreme_ints(p, input, output, 1);
}
