/* SPDX-License-Identifier: Apache-2.0 */
#include "er_copy.h"
#include "er_kernels.h"

void er_copy_x8_ref(const er_copy *p, const void *input, void *output, void *scratch)
{
    (void)scratch;
    er_copy_all(p, input, output);
}
