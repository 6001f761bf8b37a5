/* SPDX-License-Identifier: Apache-2.0
 *
 * Both L1 caches of a Cortex-M7. Sequence and registers: CMSIS cachel1_armv7.h, core_cm7.h.
 */
#ifndef CORTEX_M7_CACHES_H
#define CORTEX_M7_CACHES_H

#include "port.h"

#define CCR 0xE000ED14u
#define CCSIDR 0xE000ED80u
#define CSSELR 0xE000ED84u
#define ICIALLU 0xE000EF50u
#define DCISW 0xE000EF60u

static inline void cortex_m7_barrier(void)
{
    __asm__ volatile("dsb\nisb" ::: "memory");
}

/* Invalidates, then enables. A line has 32 bytes. Nothing but the core reads this memory, so no
 * line is ever cleaned. */
static inline void cortex_m7_start_caches(void)
{
    cortex_m7_barrier();
    REG(ICIALLU) = 0;
    cortex_m7_barrier();
    port_change(CCR, 0, 1u << 17);
    REG(CSSELR) = 0;
    cortex_m7_barrier();
    uint32_t geometry = REG(CCSIDR);
    uint32_t last_set = geometry >> 13 & 0x7FFFu;
    uint32_t last_way = geometry >> 3 & 0x3FFu;
    for (uint32_t set = 0; set <= last_set; ++set) {
        for (uint32_t way = 0; way <= last_way; ++way) {
            REG(DCISW) = set << 5 | way << 30;
        }
    }
    cortex_m7_barrier();
    port_change(CCR, 0, 1u << 16);
    cortex_m7_barrier();
}

#endif
