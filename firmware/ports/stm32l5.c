/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32L5 (NUCLEO-L552ZE-Q), TrustZone off: 110 MHz in range 0, LPUART1. Not run on silicon.
 */
#include "cortex_m_cycles.h"
#include "stm32l.h"

#define ICACHE_CR 0x40030400u
#define ICACHE_SR 0x40030404u
#define GPIOG 0x42021800u
#define PLL_N 55u

#if PLL_HZ(PLL_N) != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

static bool start_clock(void)
{
    port_change(RCC_APB1ENR1, 0, 1u << 28); /* PWREN */
    port_change(PWR_CR1, 3u << 9, 0);       /* VOS: range 0 */
    if (!port_wait(PWR_SR2, PWR_SR2_VOSF, 0)) {
        return false;
    }
    port_change(FLASH_ACR, 0xFu, 5u); /* 5 wait states */
    if (port_wait(ICACHE_SR, 1u, 0)) { /* not busy */
        port_change(ICACHE_CR, 0, 1u);
    }
    return stm32l_start_pll(PLLCFGR(PLL_N));
}

bool port_init(void)
{
    bool clock_reached = start_clock();
    stm32l_start_lpuart(GPIOG, clock_reached);
    return clock_reached;
}
