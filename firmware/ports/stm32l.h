/* SPDX-License-Identifier: Apache-2.0
 *
 * What the STM32 L4 and L5 have in common: HSI16 through the PLL, and LPUART1 on PG7 and PG8.
 * Addresses and bits: stm32l4r5xx.h and stm32l552xx.h; order: the families' HAL (rcc, pwr_ex).
 * Not run on silicon.
 */
#ifndef STM32L_H
#define STM32L_H

#include "stm32_usart_v2.h"

#define PWR_CR1 0x40007000u
#define PWR_CR2 0x40007004u
#define PWR_SR2 0x40007014u
#define RCC_CR 0x40021000u
#define RCC_CFGR 0x40021008u
#define RCC_PLLCFGR 0x4002100Cu
#define RCC_AHB2ENR 0x4002104Cu
#define RCC_APB1ENR1 0x40021058u
#define RCC_APB1ENR2 0x4002105Cu
#define FLASH_ACR 0x40022000u

#define PWR_CR2_IOSV (1u << 9)
#define PWR_SR2_VOSF (1u << 10)
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR_HPRE_2 (8u << 4)
#define RCC_CFGR_SW_PLL 3u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (3u << 2)

#define HSI_HZ 16000000u
#define PLL_M 4u
#define PLL_R 2u
#define PLLCFGR(n) (2u | (PLL_M - 1u) << 4 | (n) << 8 | 1u << 24) /* from HSI16, R out, R = 2 */
#define PLL_HZ(n) (HSI_HZ / PLL_M * (n) / PLL_R)

/* An LPUART divides 256 times its clock, a USART its clock itself. */
#define LPUART_DIVIDER(hz) ((uint32_t)((256ull * (hz) + BOARD_BAUD / 2u) / BOARD_BAUD))

/* From the reset clock, MSI, to the PLL; voltage range and flash wait states are set before. The
 * AHB runs at half speed while the step above 80 MHz is taken. */
static inline bool stm32l_start_pll(uint32_t pllcfgr)
{
    port_change(RCC_CR, 0, RCC_CR_HSION);
    if (!port_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY)) {
        return false;
    }
    REG(RCC_PLLCFGR) = pllcfgr;
    port_change(RCC_CR, 0, RCC_CR_PLLON);
    if (!port_wait(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY)) {
        return false;
    }
    REG(RCC_CFGR) = RCC_CFGR_HPRE_2 | RCC_CFGR_SW_PLL;
    if (!port_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL)) {
        REG(RCC_CFGR) = 0;
        return false;
    }
    for (volatile uint32_t i = 0; i < 100; ++i) { /* at least 1 us */
    }
    REG(RCC_CFGR) = RCC_CFGR_SW_PLL;
    return true;
}

/* Pins 7 and 8 of port G are powered by VDDIO2 and stay dead until IOSV says that it is there. */
static inline void stm32l_start_lpuart(uint32_t gpiog, bool clock_reached)
{
    port_change(RCC_APB1ENR1, 0, 1u << 28); /* PWREN */
    port_change(PWR_CR2, 0, PWR_CR2_IOSV);
    port_change(RCC_AHB2ENR, 0, 1u << 6);  /* GPIOGEN */
    port_change(RCC_APB1ENR2, 0, 1u << 0); /* LPUART1EN; its clock is PCLK1 at reset */
    port_change(gpiog + 0x20, 0xFu << 28, 8u << 28);         /* AFRL: PG7 function 8 */
    port_change(gpiog + 0x24, 0xFu, 8u);                     /* AFRH: PG8 function 8 */
    port_change(gpiog, 3u << 14 | 3u << 16, 2u << 14 | 2u << 16); /* MODER */
    usart_start(clock_reached ? LPUART_DIVIDER(BOARD_CLOCK_HZ) : LPUART_DIVIDER(BOARD_FALLBACK_HZ));
}

#endif
