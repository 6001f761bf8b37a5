/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32F405: 168 MHz, USART1 on PA9 and PA10. Not run on silicon. On QEMU's netduinoplus2, RCC, PWR
 * and GPIO read 0, so the first wait gives up, and USART1 works all the same.
 */
#include "cortex_m_cycles.h"
#include "stm32_usart_v1.h"
#include "stm32f.h"

#define GPIOA 0x40020000u
#define PLL_N 336u
#define PLL_Q 7u

#if PLL_HZ(PLL_N) != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

static bool start_clock(void)
{
    if (!stm32f_start_hsi()) {
        return false;
    }
    port_change(PWR_CR, 0, 1u << 14); /* VOS: scale 1 */
    return stm32f_lock_pll(PLLCFGR(PLL_N, PLL_Q)) &&
           stm32f_enter_pll(0x705u); /* 5 wait states, prefetch, caches */
}

bool port_init(void)
{
    bool clock_reached = start_clock();
    port_change(RCC_AHB1ENR, 0, 1u << 0);                         /* GPIOAEN */
    port_change(RCC_APB2ENR, 0, 1u << 4);                         /* USART1EN */
    port_change(GPIOA + 0x24, 0xFFu << 4, 0x77u << 4);            /* AFRH: PA9, PA10 function 7 */
    port_change(GPIOA, 3u << 18 | 3u << 20, 2u << 18 | 2u << 20); /* MODER */
    usart_start(clock_reached ? USART_DIVIDER(BOARD_CLOCK_HZ / 2u) : USART_DIVIDER(HSI_HZ));
    return clock_reached;
}
