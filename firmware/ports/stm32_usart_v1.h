/* SPDX-License-Identifier: Apache-2.0
 *
 * USART of the STM32 F4. Registers: CMSIS device headers of the family.
 */
#ifndef STM32_USART_V1_H
#define STM32_USART_V1_H

#include "board.h"
#include "port.h"

#define USART_SR (BOARD_UART_BASE + 0x00)
#define USART_DR (BOARD_UART_BASE + 0x04)
#define USART_BRR (BOARD_UART_BASE + 0x08)
#define USART_CR1 (BOARD_UART_BASE + 0x0C)
#define USART_ENABLE (1u << 13 | 1u << 2 | 1u << 3) /* UE, RE, TE */
#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)

static inline void usart_start(uint32_t divider)
{
    REG(USART_BRR) = divider;
    REG(USART_CR1) = USART_ENABLE;
}

__attribute__((noinline)) uint8_t port_getc(void)
{
    while ((REG(USART_SR) & USART_RXNE) == 0) {
    }
    return (uint8_t)REG(USART_DR);
}

void port_putc(uint8_t byte)
{
    if (port_wait(USART_SR, USART_TXE, USART_TXE)) {
        REG(USART_DR) = byte;
    }
}

#endif
