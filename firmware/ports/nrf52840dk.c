/* SPDX-License-Identifier: Apache-2.0
 *
 * nRF52840 DK: the J-Link's serial port is on P0.06 and P0.08.
 */
#define UART_TX_PIN 6u
#define UART_RX_PIN 8u

#include "cortex_m_cycles.h"
#include "nrf52.h"

bool port_init(void)
{
    bool clock_reached = nrf52_start_clock();
    nrf52_start_uart();
    return clock_reached;
}
