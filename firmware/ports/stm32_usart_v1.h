/* SPDX-License-Identifier: Apache-2.0
 *
 * USART of the STM32 F4. Registers: CMSIS device headers of the family.
 */
#ifndef STM32_USART_V1_H
#define STM32_USART_V1_H

#include "board.h"

#define USART_STATUS (BOARD_UART_BASE + 0x00)
#define USART_RECEIVE (BOARD_UART_BASE + 0x04)
#define USART_TRANSMIT (BOARD_UART_BASE + 0x04)
#define USART_BRR (BOARD_UART_BASE + 0x08)
#define USART_CR1 (BOARD_UART_BASE + 0x0C)
#define USART_ENABLE (1u << 13 | 1u << 2 | 1u << 3) /* UE, RE, TE */

#include "stm32_usart.h"

#endif
