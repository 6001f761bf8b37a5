/* SPDX-License-Identifier: Apache-2.0
 *
 * What RP2040 and RP2350 have in common: the system PLL from the 12 MHz crystal, and UART0 on GP0
 * and GP1. Registers: pico-sdk 2.2.0 hardware/regs; sequence: its xosc.c, pll.c and
 * runtime_init_clocks.c. Not run on silicon.
 *
 * The port defines before: the blocks CLOCKS, RESETS, IO_BANK0, XOSC and PLL_SYS, the offset
 * CLOCKS_RESUS, the bits RESET_PLL_SYS and RESET_UART_AND_PINS, and PLL_DIV_1.
 */
#ifndef RP2_H
#define RP2_H

#include "board.h"
#include "port.h"

#define SET 0x2000u /* aliases of every register that set or clear the written bits */
#define CLEAR 0x3000u

#define CLK_REF_CTRL (CLOCKS + 0x30)
#define CLK_REF_SELECTED (CLOCKS + 0x38)
#define CLK_SYS_CTRL (CLOCKS + 0x3C)
#define CLK_SYS_SELECTED (CLOCKS + 0x44)
#define CLK_PERI_CTRL (CLOCKS + 0x48)
#define RESETS_RESET (RESETS + 0x00)
#define RESETS_DONE (RESETS + 0x08)
#define GPIO0_CTRL (IO_BANK0 + 0x04)
#define GPIO1_CTRL (IO_BANK0 + 0x0C)
#define XOSC_CTRL (XOSC + 0x00)
#define XOSC_STATUS (XOSC + 0x04)
#define XOSC_STARTUP (XOSC + 0x0C)
#define PLL_SYS_CS (PLL_SYS + 0x00)
#define PLL_SYS_PWR (PLL_SYS + 0x04)
#define PLL_SYS_FBDIV (PLL_SYS + 0x08)
#define PLL_SYS_PRIM (PLL_SYS + 0x0C)

#define UART_DR (BOARD_UART_BASE + 0x00)
#define UART_FR (BOARD_UART_BASE + 0x18)
#define UART_IBRD (BOARD_UART_BASE + 0x24)
#define UART_FBRD (BOARD_UART_BASE + 0x28)
#define UART_LCR_H (BOARD_UART_BASE + 0x2C)
#define UART_CR (BOARD_UART_BASE + 0x30)
#define UART_RX_EMPTY (1u << 4)
#define UART_TX_FULL (1u << 5)

#define XTAL_HZ 12000000u
#define PLL_N 125u
#define PLL_DIV_2 2u

#if XTAL_HZ * PLL_N / PLL_DIV_1 / PLL_DIV_2 != BOARD_CLOCK_HZ
#error "the PLL does not make the board's clock"
#endif

static bool start_crystal(void)
{
    REG(XOSC_CTRL) = 0xAA0u; /* 1 to 15 MHz */
    REG(XOSC_STARTUP) = 47u; /* times 256 cycles: 1 ms */
    REG(XOSC_CTRL + SET) = 0xFABu << 12;
    return port_wait(XOSC_STATUS, 1u << 31, 1u << 31);
}

/* Both clocks to their reset sources, so that the PLL can be changed. */
static bool leave_pll(void)
{
    REG(CLK_SYS_CTRL + CLEAR) = 1u;
    if (!port_wait(CLK_SYS_SELECTED, ~0u, 1u)) {
        return false;
    }
    REG(CLK_REF_CTRL + CLEAR) = 3u;
    return port_wait(CLK_REF_SELECTED, ~0u, 1u);
}

static bool start_pll(void)
{
    REG(RESETS_RESET + SET) = RESET_PLL_SYS;
    REG(RESETS_RESET + CLEAR) = RESET_PLL_SYS;
    if (!port_wait(RESETS_DONE, RESET_PLL_SYS, RESET_PLL_SYS)) {
        return false;
    }
    REG(PLL_SYS_CS) = 1u; /* reference divider */
    REG(PLL_SYS_FBDIV) = PLL_N;
    REG(PLL_SYS_PWR + CLEAR) = 0x21u; /* power of the PLL and of its oscillator */
    if (!port_wait(PLL_SYS_CS, 1u << 31, 1u << 31)) {
        return false;
    }
    REG(PLL_SYS_PRIM) = PLL_DIV_1 << 16 | PLL_DIV_2 << 12;
    REG(PLL_SYS_PWR + CLEAR) = 0x8u; /* power of the dividers behind it */
    return true;
}

static bool enter_pll(void)
{
    REG(CLK_REF_CTRL) = 2u; /* crystal */
    if (!port_wait(CLK_REF_SELECTED, ~0u, 4u)) {
        return false;
    }
    REG(CLK_SYS_CTRL) = 0; /* auxiliary source: the system PLL */
    REG(CLK_SYS_CTRL + SET) = 1u;
    return port_wait(CLK_SYS_SELECTED, ~0u, 2u);
}

static bool rp2_start_clock(void)
{
    REG(CLOCKS + CLOCKS_RESUS) = 0;
    if (!start_crystal() || !leave_pll() || !start_pll()) {
        return false;
    }
    if (!enter_pll()) {
        (void)leave_pll();
        return false;
    }
    return true;
}

/* LCR_H comes after the dividers: writing it takes them over. */
static void rp2_start_uart(uint32_t hz)
{
    uint32_t divider = (4u * hz + BOARD_BAUD / 2u) / BOARD_BAUD; /* in 64ths of 16 bit times */
    REG(CLK_PERI_CTRL) = 1u << 11; /* enabled, from clk_sys */
    REG(RESETS_RESET + CLEAR) = RESET_UART_AND_PINS;
    (void)port_wait(RESETS_DONE, RESET_UART_AND_PINS, RESET_UART_AND_PINS);
    REG(UART_IBRD) = divider >> 6;
    REG(UART_FBRD) = divider & 63u;
    REG(UART_LCR_H) = 3u << 5 | 1u << 4;       /* 8 bits, FIFOs */
    REG(UART_CR) = 1u << 0 | 1u << 8 | 1u << 9; /* UARTEN, TXE, RXE */
    REG(GPIO0_CTRL) = 2u;
    REG(GPIO1_CTRL) = 2u;
}

__attribute__((noinline)) uint8_t port_getc(void)
{
    while ((REG(UART_FR) & UART_RX_EMPTY) != 0) {
    }
    return (uint8_t)REG(UART_DR);
}

void port_putc(uint8_t byte)
{
    if (port_wait(UART_FR, UART_TX_FULL, 0)) {
        REG(UART_DR) = byte;
    }
}

#endif
