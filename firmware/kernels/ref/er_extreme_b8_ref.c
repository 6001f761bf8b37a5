/* SPDX-License-Identifier: Apache-2.0 */
#include "er_extremes.h"

void er_extreme_b8_ref(const er_extreme *p, const uint8_t *input, uint8_t *output, void *scratch)
{
    (void)scratch;
    er_extreme_ints(p, input, output, 0);
}
