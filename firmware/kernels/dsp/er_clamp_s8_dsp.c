/* SPDX-License-Identifier: Apache-2.0 */
#include "er_dsp.h"
#include "er_kernels.h"

/* Four bytes at once: SSUB8 notes which are not less than a bound, SEL picks by that. */
static inline uint32_t clamp(uint32_t bytes, uint32_t low, uint32_t high)
{
    (void)__ssub8((int8x4_t)bytes, (int8x4_t)low);
    const uint32_t raised = (uint32_t)__sel((uint8x4_t)bytes, (uint8x4_t)low);
    (void)__ssub8((int8x4_t)high, (int8x4_t)raised);
    return (uint32_t)__sel((uint8x4_t)raised, (uint8x4_t)high);
}

void er_clamp_s8_dsp(const er_clamp_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const uint32_t low = (uint8_t)p->low * 0x01010101u, high = (uint8_t)p->high * 0x01010101u;
    uint32_t left = p->elements;
    (void)scratch;
    for (; left >= 4; left -= 4, input += 4, output += 4) {
        er_store(output, clamp(er_load(input), low, high));
    }
    if (left > 0) {
        const uint32_t made = clamp(er_load_tail(input, left), low, high);
        for (uint32_t i = 0; i < left; i++) {
            output[i] = (int8_t)(uint8_t)(made >> 8 * i);
        }
    }
}
