/* SPDX-License-Identifier: Apache-2.0
 *
 * RP2040 (Raspberry Pi Pico): 125 MHz. Not run on silicon.
 */
#define CLOCKS 0x40008000u
#define CLOCKS_RESUS 0x78u
#define RESETS 0x4000C000u
#define IO_BANK0 0x40014000u
#define XOSC 0x40024000u
#define PLL_SYS 0x40028000u
#define RESET_PLL_SYS (1u << 12)
#define RESET_UART_AND_PINS (1u << 5 | 1u << 8 | 1u << 22) /* IO_BANK0, PADS_BANK0, UART0 */
#define PLL_DIV_1 6u

#include "cortex_m_cycles.h"
#include "rp2.h"

bool port_init(void)
{
    bool clock_reached = rp2_start_clock();
    rp2_start_uart(clock_reached ? BOARD_CLOCK_HZ : BOARD_FALLBACK_HZ);
    return clock_reached;
}
