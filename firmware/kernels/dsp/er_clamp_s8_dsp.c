/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dsp.h"
#include "er_kernels.h"

void er_clamp_s8_dsp(const er_clamp_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const uint32_t low = (uint8_t)p->low * 0x01010101u, high = (uint8_t)p->high * 0x01010101u;
    uint32_t left = p->elements;
    (void)scratch;
    for (; left >= 4; left -= 4, input += 4, output += 4) {
        er_store(output, er_clamp_four(er_load(input), low, high));
    }
    if (left > 0) {
        const uint32_t made = er_clamp_four(er_load_tail(input, left), low, high);
        for (uint32_t i = 0; i < left; i++) {
            output[i] = (int8_t)(uint8_t)(made >> 8 * i);
        }
    }
}
