/* SPDX-License-Identifier: Apache-2.0
 *
 * USART and LPUART of the STM32 L4, L5, F7, H7 and U5. Registers: CMSIS device headers of each
 * family.
 */
#ifndef STM32_USART_V2_H
#define STM32_USART_V2_H

#include "board.h"

#define USART_CR1 (BOARD_UART_BASE + 0x00)
#define USART_BRR (BOARD_UART_BASE + 0x0C)
#define USART_STATUS (BOARD_UART_BASE + 0x1C)
#define USART_RECEIVE (BOARD_UART_BASE + 0x24)
#define USART_TRANSMIT (BOARD_UART_BASE + 0x28)
#define USART_ENABLE (1u << 0 | 1u << 2 | 1u << 3) /* UE, RE, TE */

#include "stm32_usart.h"

#endif
