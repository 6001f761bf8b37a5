/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32F446 (NUCLEO-F446RE): 180 MHz with over-drive, USART2 on PA2 and PA3. Not run on silicon.
 */
#include "cortex_m_cycles.h"
#include "stm32_usart_v1.h"
#include "stm32f.h"

#define GPIOA 0x40020000u
#define PLL_N 360u
#define PLL_Q 8u
#define PLL_R (2u << 28) /* unused, but 0 and 1 are no dividers */

#if PLL_HZ(PLL_N) != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

static bool start_clock(void)
{
    if (!stm32f_start_hsi()) {
        return false;
    }
    port_change(PWR_CR, 0, 3u << 14); /* VOS: scale 1 */
    return stm32f_lock_pll(PLLCFGR(PLL_N, PLL_Q) | PLL_R) && stm32f_start_overdrive() &&
           stm32f_enter_pll(0x705u); /* 5 wait states, prefetch, caches */
}

bool port_init(void)
{
    bool clock_reached = start_clock();
    port_change(RCC_AHB1ENR, 0, 1u << 0);                     /* GPIOAEN */
    port_change(RCC_APB1ENR, 0, 1u << 17);                    /* USART2EN */
    port_change(GPIOA + 0x20, 0xFFu << 8, 0x77u << 8);        /* AFRL: PA2, PA3 function 7 */
    port_change(GPIOA, 3u << 4 | 3u << 6, 2u << 4 | 2u << 6); /* MODER */
    usart_start(clock_reached ? USART_DIVIDER(BOARD_CLOCK_HZ / 4u) : USART_DIVIDER(HSI_HZ));
    return clock_reached;
}
