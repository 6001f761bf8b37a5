/* SPDX-License-Identifier: Apache-2.0
 *
 * What the STM32 F4 and F7 have in common: HSI through the PLL, with APB1 at a quarter and APB2 at
 * half of it. Addresses and bits: stm32f405xx.h and stm32f746xx.h; figures: libopencm3's rcc.c of
 * each family. Not run on silicon.
 */
#ifndef STM32F_H
#define STM32F_H

#include "board.h"
#include "port.h"

#define PWR_CR 0x40007000u
#define PWR_CSR 0x40007004u
#define RCC_CR 0x40023800u
#define RCC_PLLCFGR 0x40023804u
#define RCC_CFGR 0x40023808u
#define RCC_AHB1ENR 0x40023830u
#define RCC_APB1ENR 0x40023840u
#define RCC_APB2ENR 0x40023844u
#define FLASH_ACR 0x40023C00u

#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 1)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR_PPRE1_4 (5u << 10)
#define RCC_CFGR_PPRE2_2 (4u << 13)
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)

#define HSI_HZ 16000000u
#define PLL_M 16u
#define PLL_P 2u
#define PLLCFGR(n, q) (PLL_M | (n) << 6 | (q) << 24) /* from HSI; P = 2 is coded as 0 */
#define PLL_HZ(n) (HSI_HZ / PLL_M * (n) / PLL_P)

#define USART_DIVIDER(hz) (((hz) + BOARD_BAUD / 2u) / BOARD_BAUD)

static inline bool stm32f_start_hsi(void)
{
    port_change(RCC_CR, 0, RCC_CR_HSION);
    port_change(RCC_APB1ENR, 0, 1u << 28); /* PWREN */
    return port_wait(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);
}

/* What the highest clocks need: of the F446 above 168 MHz, of the F746 above 180 MHz. */
static inline bool stm32f_start_overdrive(void)
{
    port_change(PWR_CR, 0, 1u << 16); /* ODEN */
    if (!port_wait(PWR_CSR, 1u << 16, 1u << 16)) {
        return false;
    }
    port_change(PWR_CR, 0, 1u << 17); /* ODSWEN */
    return port_wait(PWR_CSR, 1u << 17, 1u << 17);
}

/* The voltage is set before. */
static inline bool stm32f_lock_pll(uint32_t pllcfgr)
{
    REG(RCC_PLLCFGR) = pllcfgr;
    port_change(RCC_CR, 0, RCC_CR_PLLON);
    return port_wait(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
}

/* The wait states are set before the switch. */
static inline bool stm32f_enter_pll(uint32_t flash_acr)
{
    port_change(FLASH_ACR, 0xFu, flash_acr);
    REG(RCC_CFGR) = RCC_CFGR_PPRE1_4 | RCC_CFGR_PPRE2_2;
    REG(RCC_CFGR) = RCC_CFGR_PPRE1_4 | RCC_CFGR_PPRE2_2 | RCC_CFGR_SW_PLL;
    if (!port_wait(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL)) {
        REG(RCC_CFGR) = 0;
        return false;
    }
    return true;
}

#endif
