/* SPDX-License-Identifier: Apache-2.0
 *
 * The CMSDK UART, as QEMU emulates it: what is sent while TXEN is 0 is dropped.
 */
#ifndef CMSDK_UART_H
#define CMSDK_UART_H

#include "board.h"
#include "port.h"

#define UART_DATA (BOARD_UART_BASE + 0x00)
#define UART_STATE (BOARD_UART_BASE + 0x04)
#define UART_CTRL (BOARD_UART_BASE + 0x08)
#define UART_BAUDDIV (BOARD_UART_BASE + 0x10)
#define UART_TX_FULL (1u << 0)
#define UART_RX_FULL (1u << 1)

static inline void uart_start(uint32_t hz)
{
    REG(UART_BAUDDIV) = hz / BOARD_BAUD;
    REG(UART_CTRL) = 1u << 0 | 1u << 1; /* TXEN, RXEN */
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

#endif
