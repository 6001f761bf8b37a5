/* SPDX-License-Identifier: Apache-2.0 */
#include "er_kernels.h"
#include "er_mve.h"

void er_clamp_s8_mve(const er_clamp_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const int8x16_t low = vdupq_n_s8((int8_t)p->low), high = vdupq_n_s8((int8_t)p->high);
    (void)scratch;
    for (int32_t left = (int32_t)p->elements; left > 0; left -= ER_BLOCK) {
        const mve_pred16_t some = vctp8q((uint32_t)left);
        const int8x16_t raised = vmaxq_s8(vldrbq_z_s8(input, some), low);
        vstrbq_p_s8(output, vminq_s8(raised, high), some);
        input += ER_BLOCK;
        output += ER_BLOCK;
    }
}
