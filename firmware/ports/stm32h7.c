/* SPDX-License-Identifier: Apache-2.0
 *
 * STM32H743 (NUCLEO-H743ZI): 400 MHz, which every revision reaches, both caches, USART3 on PD8 and
 * PD9. Addresses and bits: stm32h743xx.h; order of supply and voltage: HAL pwr_ex, RIOT
 * stmclk_h7.c. Not run on silicon.
 */
#include "cortex_m7_caches.h"
#include "cortex_m_cycles.h"
#include "stm32_usart_v2.h"

#define AXI_READ_ISSUING 0x51008108u
#define FLASH_ACR 0x52002000u
#define GPIOD 0x58020C00u
#define RCC_CR 0x58024400u
#define RCC_CFGR 0x58024410u
#define RCC_D1CFGR 0x58024418u
#define RCC_D2CFGR 0x5802441Cu
#define RCC_D3CFGR 0x58024420u
#define RCC_PLLCKSELR 0x58024428u
#define RCC_PLLCFGR 0x5802442Cu
#define RCC_PLL1DIVR 0x58024430u
#define RCC_PLL1FRACR 0x58024434u
#define RCC_AHB2ENR 0x580244DCu
#define RCC_AHB4ENR 0x580244E0u
#define RCC_APB1LENR 0x580244E8u
#define PWR_CSR1 0x58024804u
#define PWR_CR3 0x5802480Cu
#define PWR_D3CR 0x58024818u
#define DBGMCU_IDCODE 0x5C001000u

#define HSI_HZ 64000000u
#define PLL_M 4u
#define PLL_N 50u
#define PLL_P 2u
#define PLL_DIVR ((PLL_N - 1u) | (PLL_P - 1u) << 9 | 3u << 16 | 1u << 24) /* Q 4, R 2 */

#if HSI_HZ / PLL_M * PLL_N / PLL_P != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

#define USART_DIVIDER(hz) (((hz) + BOARD_BAUD / 2u) / BOARD_BAUD)

/* SRAM1 to SRAM3 have no clock after reset. Revision Y must read AXI SRAM one access at a time:
 * ST's system_stm32h7xx.c. */
void port_power_memories(void)
{
    port_change(RCC_AHB2ENR, 0, 7u << 29);
    if (REG(DBGMCU_IDCODE) >> 16 < 0x2000u) {
        REG(AXI_READ_ISSUING) = 1u;
    }
}

/* The choice of supply can be made once after power-on, and must be. */
static bool start_supply(void)
{
    port_change(PWR_CR3, 7u, 2u); /* the LDO alone */
    if (!port_wait(PWR_CSR1, 1u << 13, 1u << 13)) { /* ACTVOSRDY */
        return false;
    }
    port_change(PWR_D3CR, 0, 3u << 14); /* VOS: scale 1 */
    return port_wait(PWR_D3CR, 1u << 13, 1u << 13);
}

/* The buses at half and a quarter of the core's clock, before that is raised. */
static bool start_clock(void)
{
    if (!start_supply()) {
        return false;
    }
    port_change(FLASH_ACR, 0x3Fu, 0x22u); /* 2 wait states, programming delay for 200 MHz */
    REG(RCC_PLLCKSELR) = 0x02020000u | PLL_M << 4; /* from HSI */
    REG(RCC_PLLCFGR) = 0x01FF000Cu;                /* input of 8 to 16 MHz, wide, outputs on */
    REG(RCC_PLL1DIVR) = PLL_DIVR;
    REG(RCC_PLL1FRACR) = 0;
    REG(RCC_D1CFGR) = 0x48u;
    REG(RCC_D2CFGR) = 0x440u;
    REG(RCC_D3CFGR) = 0x40u;
    port_change(RCC_CR, 0, 1u << 24); /* PLL1ON */
    if (!port_wait(RCC_CR, 1u << 25, 1u << 25)) {
        return false;
    }
    port_change(RCC_CFGR, 7u, 3u);
    if (!port_wait(RCC_CFGR, 7u << 3, 3u << 3)) {
        port_change(RCC_CFGR, 7u, 0);
        return false;
    }
    return true;
}

/* USART3's clock is PCLK1: a quarter of the core's; D2CFGR may have been set though the PLL failed. */
bool port_init(void)
{
    bool clock_reached = start_clock();
    if (!clock_reached) {
        REG(RCC_D1CFGR) = 0;
        REG(RCC_D2CFGR) = 0;
        REG(RCC_D3CFGR) = 0;
    }
    cortex_m7_start_caches();
    port_change(RCC_AHB4ENR, 0, 1u << 3);                         /* GPIODEN */
    port_change(RCC_APB1LENR, 0, 1u << 18);                       /* USART3EN */
    port_change(GPIOD + 0x24, 0xFFu, 0x77u);                      /* AFRH: PD8, PD9 function 7 */
    port_change(GPIOD, 3u << 16 | 3u << 18, 2u << 16 | 2u << 18); /* MODER */
    usart_start(clock_reached ? USART_DIVIDER(BOARD_CLOCK_HZ / 4u)
                              : USART_DIVIDER(BOARD_FALLBACK_HZ));
    return clock_reached;
}
