/* SPDX-License-Identifier: Apache-2.0
 *
 * Cycles of a Cortex-M: the DWT's counter where it moves, else SysTick at the core's clock.
 *
 * Whether there is a DWT counter, a core says by NOCYCCNT; some that say so have one all the same,
 * and QEMU's answers 0, so it is tried. Registers: CMSIS core_cm0plus.h to core_cm55.h.
 */
#ifndef CORTEX_M_CYCLES_H
#define CORTEX_M_CYCLES_H

#include "board.h"
#include "port.h"

#define DEMCR 0xE000EDFCu
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL 0xE0001000u
#define DWT_CYCCNT 0xE0001004u
#define DWT_LAR 0xE0001FB0u
#define DWT_KEY 0xC5ACCE55u /* opens the Cortex-M7's DWT; the others ignore it */
#define SYST_CSR 0xE000E010u
#define SYST_RVR 0xE000E014u
#define SYST_CVR 0xE000E018u
#define SYST_START 7u /* counter on, interrupt on, the core's clock */
#define SYST_LAST 0xFFFFFFu

static uint32_t cycles_from;
static uint32_t dwt_before;
static uint64_t dwt_total;
static volatile uint32_t systick_wraps;

void port_tick(void) { ++systick_wraps; }

static bool cycles_move(uint32_t address, uint32_t looks)
{
    uint32_t first = REG(address);
    for (uint32_t i = 0; i < looks; ++i) {
        if (REG(address) != first) {
            return true;
        }
    }
    return false;
}

/* Armv6-M has no DWT counter that code could reach, and may fault where it would be. */
static bool start_dwt(void)
{
    if (!BOARD_HAS_FAULT_STATUS) {
        return false;
    }
    port_change(DEMCR, 0, DEMCR_TRCENA);
    REG(DWT_LAR) = DWT_KEY;
    REG(DWT_CYCCNT) = 0;
    port_change(DWT_CTRL, 0, 1u);
    return cycles_move(DWT_CYCCNT, 16);
}

static bool start_systick(void)
{
    REG(SYST_RVR) = SYST_LAST;
    REG(SYST_CVR) = 0; /* any value: it starts over */
    systick_wraps = 0;
    REG(SYST_CSR) = SYST_START;
    if (cycles_move(SYST_CVR, 1000000u)) { /* QEMU's stays 0 until its other thread gets its turn */
        return true;
    }
    REG(SYST_CSR) = 0;
    return false;
}

uint32_t port_cycles_start(void)
{
    dwt_before = 0;
    dwt_total = 0;
    cycles_from = start_dwt() ? PORT_CORE_COUNTER : start_systick() ? PORT_TIMER : PORT_NO_COUNTER;
    return cycles_from;
}

static uint64_t dwt_cycles(void)
{
    uint32_t now = REG(DWT_CYCCNT);
    dwt_total += now - dwt_before; /* right for less than 2^32 cycles since the call before */
    dwt_before = now;
    return dwt_total;
}

static uint64_t systick_cycles(void)
{
    uint32_t wraps;
    uint32_t left;
    do { /* until no wrap came between the two */
        wraps = systick_wraps;
        left = REG(SYST_CVR);
    } while (wraps != systick_wraps);
    return ((uint64_t)wraps << 24) + (SYST_LAST - left);
}

uint64_t port_cycles(void)
{
    return cycles_from == PORT_CORE_COUNTER ? dwt_cycles() : systick_cycles();
}

#endif
