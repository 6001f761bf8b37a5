/* SPDX-License-Identifier: Apache-2.0
 *
 * nRF52840: 64 MHz, which it has from reset, here from the crystal; and UART0, byte by byte.
 * Registers: nrfx 4.2.1 nrf52840.h. Not run on silicon.
 *
 * The port defines UART_TX_PIN and UART_RX_PIN before: 32 times the port, plus the pin.
 */
#ifndef NRF52_H
#define NRF52_H

#include "board.h"
#include "port.h"

#define CLOCK_HFCLKSTART 0x40000000u
#define CLOCK_HFCLKSTARTED 0x40000100u
#define NVMC_ICACHECNF 0x4001E540u
#define GPIO(pin) (0x50000000u + 0x300u * ((pin) >> 5))
#define GPIO_OUTSET 0x508u
#define GPIO_DIRSET 0x518u

#define UART_STARTRX (BOARD_UART_BASE + 0x000)
#define UART_STARTTX (BOARD_UART_BASE + 0x008)
#define UART_RXDRDY (BOARD_UART_BASE + 0x108)
#define UART_TXDRDY (BOARD_UART_BASE + 0x11C)
#define UART_ENABLE (BOARD_UART_BASE + 0x500)
#define UART_PSEL_TXD (BOARD_UART_BASE + 0x50C)
#define UART_PSEL_RXD (BOARD_UART_BASE + 0x514)
#define UART_RXD (BOARD_UART_BASE + 0x518)
#define UART_TXD (BOARD_UART_BASE + 0x51C)
#define UART_BAUDRATE (BOARD_UART_BASE + 0x524)
#define UART_BAUD_115200 0x01D7E000u

#if BOARD_BAUD != 115200
#error "the baud rate is a figure of the chip's header, which is here for 115,200 alone"
#endif

/* The flash has no cache until it is told to. False where the crystal does not start. */
static bool nrf52_start_clock(void)
{
    port_change(NVMC_ICACHECNF, 0, 1u);
    REG(CLOCK_HFCLKSTARTED) = 0;
    REG(CLOCK_HFCLKSTART) = 1u;
    return port_wait(CLOCK_HFCLKSTARTED, 1u, 1u);
}

/* The line rests high before the UART takes it over. */
static void nrf52_start_uart(void)
{
    REG(GPIO(UART_TX_PIN) + GPIO_OUTSET) = 1u << (UART_TX_PIN & 31u);
    REG(GPIO(UART_TX_PIN) + GPIO_DIRSET) = 1u << (UART_TX_PIN & 31u);
    REG(UART_PSEL_TXD) = UART_TX_PIN;
    REG(UART_PSEL_RXD) = UART_RX_PIN;
    REG(UART_BAUDRATE) = UART_BAUD_115200;
    REG(UART_ENABLE) = 4u;
    REG(UART_RXDRDY) = 0;
    REG(UART_STARTRX) = 1u;
    REG(UART_STARTTX) = 1u;
}

/* The event is cleared first: reading the byte makes the next one, where more have come. */
__attribute__((noinline)) uint8_t port_getc(void)
{
    while (REG(UART_RXDRDY) == 0) {
    }
    REG(UART_RXDRDY) = 0;
    return (uint8_t)REG(UART_RXD);
}

void port_putc(uint8_t byte)
{
    REG(UART_TXDRDY) = 0;
    REG(UART_TXD) = byte;
    (void)port_wait(UART_TXDRDY, 1u, 1u);
}

#endif
