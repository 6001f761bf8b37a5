/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32L4+ (NUCLEO-L4R5ZI): 120 MHz in range 1 boost, LPUART1. Not run on silicon.
 */
#include "cortex_m_cycles.h"
#include "stm32l.h"

#define PWR_CR5 0x40007080u
#define PWR_CR5_R1MODE (1u << 8) /* 1 = normal, up to 80 MHz; 0 = boost, up to 120 MHz */
#define GPIOG 0x48001800u
#define PLL_N 60u

#if PLL_HZ(PLL_N) != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

static bool start_clock(void)
{
    port_change(RCC_APB1ENR1, 0, 1u << 28);     /* PWREN */
    port_change(PWR_CR1, 3u << 9, 1u << 9);     /* VOS: range 1 */
    if (!port_wait(PWR_SR2, PWR_SR2_VOSF, 0)) {
        return false;
    }
    port_change(PWR_CR5, PWR_CR5_R1MODE, 0);
    port_change(FLASH_ACR, 0xFu, 0x705u); /* 5 wait states, prefetch, both caches */
    return stm32l_start_pll(PLLCFGR(PLL_N));
}

bool port_init(void)
{
    bool clock_reached = start_clock();
    stm32l_start_lpuart(GPIOG, clock_reached);
    return clock_reached;
}
