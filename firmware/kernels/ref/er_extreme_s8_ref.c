/* SPDX-License-Identifier: Apache-2.0 */
#include "er_extremes.h"

void er_extreme_s8_ref(const er_extreme *p, const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    er_extreme_ints(p, input, output, 0);
}
