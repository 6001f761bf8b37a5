/* SPDX-License-Identifier: Apache-2.0
 *
 * MPS2 as QEMU emulates it: a fixed clock and a CMSDK UART. QEMU drops what is sent while TXEN is
 * 0.
 */
#include "board.h"
#include "port.h"

#define UART_DATA (BOARD_UART_BASE + 0x00)
#define UART_STATE (BOARD_UART_BASE + 0x04)
#define UART_CTRL (BOARD_UART_BASE + 0x08)
#define UART_BAUDDIV (BOARD_UART_BASE + 0x10)
#define UART_TX_FULL (1u << 0)
#define UART_RX_FULL (1u << 1)

bool port_init(void)
{
    REG(UART_BAUDDIV) = BOARD_CLOCK_HZ / BOARD_BAUD;
    REG(UART_CTRL) = 1u << 0 | 1u << 1; /* TXEN, RXEN */
    return true;
}

__attribute__((noinline)) uint8_t port_getc(void)
{
    while ((REG(UART_STATE) & UART_RX_FULL) == 0) {
    }
    return (uint8_t)REG(UART_DATA);
}

void port_putc(uint8_t byte)
{
    if (port_wait(UART_STATE, UART_TX_FULL, 0)) {
        REG(UART_DATA) = byte;
    }
}
