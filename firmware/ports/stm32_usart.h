/* SPDX-License-Identifier: Apache-2.0
 *
 * A USART or LPUART of an STM32, by the register layout that is included before: it defines
 * USART_STATUS, USART_RECEIVE, USART_TRANSMIT, USART_BRR, USART_CR1 and USART_ENABLE.
 */
#ifndef STM32_USART_H
#define STM32_USART_H

#include "port.h"

#define USART_RXNE (1u << 5)
#define USART_TXE (1u << 7)

static inline void usart_start(uint32_t divider)
{
    REG(USART_BRR) = divider;
    REG(USART_CR1) = USART_ENABLE;
}

__attribute__((noinline)) uint8_t port_getc(void)
{
    while ((REG(USART_STATUS) & USART_RXNE) == 0) {
    }
    return (uint8_t)REG(USART_RECEIVE);
}

void port_putc(uint8_t byte)
{
    if (port_wait(USART_STATUS, USART_TXE, USART_TXE)) {
        REG(USART_TRANSMIT) = byte;
    }
}

#endif
