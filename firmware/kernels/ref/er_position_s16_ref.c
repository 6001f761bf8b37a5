/* SPDX-License-Identifier: Apache-2.0 */
#include "er_positions.h"

void er_position_s16_ref(const er_position *p, const int16_t *input, void *output, void *scratch)
{
    (void)scratch;
    er_position_ints(p, input, output, 1);
}
