/* SPDX-License-Identifier: Apache-2.0 */
#include "er_svdf_step.h"

void er_svdf_s8_ref(const er_svdf *p, const int8_t *input, const int8_t *features,
                    const int8_t *times, const int8_t *state, int8_t *output, int8_t *new_state,
                    void *scratch)
{
    (void)scratch;
    er_svdf_ints(p, input, features, times, state, output, new_state, 0);
}
