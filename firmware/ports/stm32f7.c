/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32F746 (NUCLEO-F746ZG): 216 MHz with over-drive, both caches, USART3 on PD8 and PD9. Not run
 * on silicon.
 */
#include "cortex_m7_caches.h"
#include "cortex_m_cycles.h"
#include "stm32_usart_v2.h"
#include "stm32f.h"

#define GPIOD 0x40020C00u
#define PLL_N 432u
#define PLL_Q 9u
#define PLLCFGR_RESERVED (1u << 29) /* set after reset, to be kept */

#if PLL_HZ(PLL_N) != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

static bool start_clock(void)
{
    if (!stm32f_start_hsi()) {
        return false;
    }
    port_change(PWR_CR, 0, 3u << 14); /* VOS: scale 1 */
    /* 7 wait states and prefetch; the accelerator serves the other address of the flash only. */
    return stm32f_start_overdrive() && stm32f_lock_pll(PLLCFGR(PLL_N, PLL_Q) | PLLCFGR_RESERVED) &&
           stm32f_enter_pll(0x307u);
}

bool port_init(void)
{
    bool clock_reached = start_clock();
    cortex_m7_start_caches();
    port_change(RCC_AHB1ENR, 0, 1u << 3);                         /* GPIODEN */
    port_change(RCC_APB1ENR, 0, 1u << 18);                        /* USART3EN; clock PCLK1 */
    port_change(GPIOD + 0x24, 0xFFu, 0x77u);                      /* AFRH: PD8, PD9 function 7 */
    port_change(GPIOD, 3u << 16 | 3u << 18, 2u << 16 | 2u << 18); /* MODER */
    usart_start(clock_reached ? USART_DIVIDER(BOARD_CLOCK_HZ / 4u) : USART_DIVIDER(HSI_HZ));
    return clock_reached;
}
