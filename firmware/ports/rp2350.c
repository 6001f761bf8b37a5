/* SPDX-License-Identifier: Apache-2.0
 *
 * RP2350 (Raspberry Pi Pico 2), one of its Arm cores: 150 MHz. Pads stay cut off after reset until
 * ISO is cleared, and do not listen until IE is set. Not run on silicon.
 */
#define CLOCKS 0x40010000u
#define CLOCKS_RESUS 0x84u
#define RESETS 0x40020000u
#define IO_BANK0 0x40028000u
#define XOSC 0x40048000u
#define PLL_SYS 0x40050000u
#define RESET_PLL_SYS (1u << 14)
#define RESET_UART_AND_PINS (1u << 6 | 1u << 9 | 1u << 26) /* IO_BANK0, PADS_BANK0, UART0 */
#define PLL_DIV_1 5u

#include "cortex_m_cycles.h"
#include "rp2.h"

#define PAD_GPIO0 0x40038004u
#define PAD_GPIO1 0x40038008u
#define PAD_ISO (1u << 8)
#define PAD_IE (1u << 6)

bool port_init(void)
{
    bool clock_reached = rp2_start_clock();
    rp2_start_uart(clock_reached ? BOARD_CLOCK_HZ : BOARD_FALLBACK_HZ);
    port_change(PAD_GPIO0, PAD_ISO, 0);
    port_change(PAD_GPIO1, PAD_ISO, PAD_IE);
    return clock_reached;
}
