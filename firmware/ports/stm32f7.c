/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32F746 (NUCLEO-F746ZG): 216 MHz with over-drive, both caches, USART3 on PD8 and PD9. Not run
 * on silicon.
 */
#include "stm32_usart_v2.h"
#include "stm32f.h"

#define GPIOD 0x40020C00u
#define PLL_N 432u
#define PLL_Q 9u
#define PLLCFGR_RESERVED (1u << 29) /* set after reset, to be kept */

#define CCR 0xE000ED14u
#define CCSIDR 0xE000ED80u
#define CSSELR 0xE000ED84u
#define ICIALLU 0xE000EF50u
#define DCISW 0xE000EF60u

#if PLL_HZ(PLL_N) != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

static inline void barrier(void)
{
    __asm__ volatile("dsb\nisb" ::: "memory");
}

/* Invalidate, then enable: CMSIS cachel1_armv7.h. A line has 32 bytes. Nothing but the core reads
 * this memory, so no line is ever cleaned. */
static void start_caches(void)
{
    barrier();
    REG(ICIALLU) = 0;
    barrier();
    port_change(CCR, 0, 1u << 17);
    REG(CSSELR) = 0;
    barrier();
    uint32_t geometry = REG(CCSIDR);
    uint32_t last_set = geometry >> 13 & 0x7FFFu;
    uint32_t last_way = geometry >> 3 & 0x3FFu;
    for (uint32_t set = 0; set <= last_set; ++set) {
        for (uint32_t way = 0; way <= last_way; ++way) {
            REG(DCISW) = set << 5 | way << 30;
        }
    }
    barrier();
    port_change(CCR, 0, 1u << 16);
    barrier();
}

static bool start_overdrive(void)
{
    port_change(PWR_CR, 0, 3u << 14); /* VOS: scale 1 */
    port_change(PWR_CR, 0, 1u << 16); /* ODEN */
    if (!port_wait(PWR_CSR, 1u << 16, 1u << 16)) {
        return false;
    }
    port_change(PWR_CR, 0, 1u << 17); /* ODSWEN */
    return port_wait(PWR_CSR, 1u << 17, 1u << 17);
}

static bool start_clock(void)
{
    /* 7 wait states and prefetch; the accelerator serves the other address of the flash only. */
    return stm32f_start_hsi() && start_overdrive() &&
           stm32f_start_pll(PLLCFGR(PLL_N, PLL_Q) | PLLCFGR_RESERVED, 0x307u);
}

bool port_init(void)
{
    bool clock_reached = start_clock();
    start_caches();
    port_change(RCC_AHB1ENR, 0, 1u << 3);                         /* GPIODEN */
    port_change(RCC_APB1ENR, 0, 1u << 18);                        /* USART3EN; clock PCLK1 */
    port_change(GPIOD + 0x24, 0xFFu, 0x77u);                      /* AFRH: PD8, PD9 function 7 */
    port_change(GPIOD, 3u << 16 | 3u << 18, 2u << 16 | 2u << 18); /* MODER */
    usart_start(clock_reached ? USART_DIVIDER(BOARD_CLOCK_HZ / 4u) : USART_DIVIDER(HSI_HZ));
    return clock_reached;
}
