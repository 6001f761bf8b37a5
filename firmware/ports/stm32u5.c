/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32U575 (NUCLEO-U575ZI-Q), TrustZone off: 160 MHz from MSIS, USART1 on PA9 and PA10. Addresses
 * and bits: stm32u575xx.h; order: Zephyr's clock_stm32_ll_u5.c. Not run on silicon.
 */
#include "cortex_m_cycles.h"
#include "stm32_usart_v2.h"

#define FLASH_ACR 0x40022000u
#define ICACHE_CR 0x40030400u
#define ICACHE_SR 0x40030404u
#define GPIOA 0x42020000u
#define PWR_VOSR 0x4602080Cu
#define RCC_CR 0x46020C00u
#define RCC_CFGR1 0x46020C1Cu
#define RCC_PLL1CFGR 0x46020C28u
#define RCC_PLL1DIVR 0x46020C34u
#define RCC_PLL1FRACR 0x46020C38u
#define RCC_AHB2ENR1 0x46020C8Cu
#define RCC_AHB3ENR 0x46020C94u
#define RCC_APB2ENR 0x46020CA4u

#define MSIS_HZ 4000000u
#define PLL_N 80u
#define PLL_R 2u
#define VOSR_READY (1u << 15 | 1u << 14) /* voltage, booster */

#if MSIS_HZ * PLL_N / PLL_R != BOARD_CLOCK_HZ || MSIS_HZ != BOARD_FALLBACK_HZ
#error "the PLL does not make the board's clock"
#endif

#define USART_DIVIDER(hz) (((hz) + BOARD_BAUD / 2u) / BOARD_BAUD)

/* The booster runs on the PLL's source, so that is chosen first. */
static bool start_clock(void)
{
    port_change(RCC_AHB3ENR, 0, 1u << 2); /* PWREN */
    REG(RCC_PLL1CFGR) = 1u << 18 | 1u;    /* R out; from MSIS, not divided */
    port_change(PWR_VOSR, 0, 1u << 18 | 3u << 16); /* booster; range 1 */
    if (!port_wait(PWR_VOSR, VOSR_READY, VOSR_READY)) {
        return false;
    }
    port_change(FLASH_ACR, 0xFu, 0x104u); /* 4 wait states, prefetch */
    if (port_wait(ICACHE_SR, 1u, 0)) {    /* not busy */
        port_change(ICACHE_CR, 0, 1u);
    }
    REG(RCC_PLL1DIVR) = (PLL_N - 1u) | 1u << 9 | 1u << 16 | (PLL_R - 1u) << 24;
    REG(RCC_PLL1FRACR) = 0;
    port_change(RCC_CR, 0, 1u << 24); /* PLL1ON */
    if (!port_wait(RCC_CR, 1u << 25, 1u << 25)) {
        return false;
    }
    port_change(RCC_CFGR1, 3u, 3u);
    if (!port_wait(RCC_CFGR1, 3u << 2, 3u << 2)) {
        port_change(RCC_CFGR1, 3u, 0);
        return false;
    }
    return true;
}

bool port_init(void)
{
    bool clock_reached = start_clock();
    port_change(RCC_AHB2ENR1, 0, 1u << 0);                        /* GPIOAEN */
    port_change(RCC_APB2ENR, 0, 1u << 14);                        /* USART1EN; clock PCLK2 */
    port_change(GPIOA + 0x24, 0xFFu << 4, 0x77u << 4);            /* AFRH: PA9, PA10 function 7 */
    port_change(GPIOA, 3u << 18 | 3u << 20, 2u << 18 | 2u << 20); /* MODER */
    usart_start(clock_reached ? USART_DIVIDER(BOARD_CLOCK_HZ) : USART_DIVIDER(BOARD_FALLBACK_HZ));
    return clock_reached;
}
