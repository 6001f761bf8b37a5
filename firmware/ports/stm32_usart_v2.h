/* SPDX-License-Identifier: Apache-2.0
 *
 * USART and LPUART of the STM32 L4, L5 and F7. Registers: CMSIS device headers of each family.
 */
#ifndef STM32_USART_V2_H
#define STM32_USART_V2_H

#include "board.h"
#include "port.h"

#define USART_CR1 (BOARD_UART_BASE + 0x00)
#define USART_BRR (BOARD_UART_BASE + 0x0C)
#define USART_ISR (BOARD_UART_BASE + 0x1C)
#define USART_RDR (BOARD_UART_BASE + 0x24)
#define USART_TDR (BOARD_UART_BASE + 0x28)
#define USART_ENABLE (1u << 0 | 1u << 2 | 1u << 3) /* UE, RE, TE */
#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)

static inline void usart_start(uint32_t divider)
{
    REG(USART_BRR) = divider;
    REG(USART_CR1) = USART_ENABLE;
}

__attribute__((noinline)) uint8_t port_getc(void)
{
    while ((REG(USART_ISR) & USART_RXNE) == 0) {
    }
    return (uint8_t)REG(USART_RDR);
}

void port_putc(uint8_t byte)
{
    if (port_wait(USART_ISR, USART_TXE, USART_TXE)) {
        REG(USART_TDR) = byte;
    }
}

#endif
