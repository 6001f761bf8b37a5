/* SPDX-License-Identifier: Apache-2.0
 *
 * Arduino Nano 33 BLE: D1 and D0 are P1.03 and P1.10. The boot loader has run before, and may have
 * left interrupts on, for which there are no handlers here.
 */
#define UART_TX_PIN (32u + 3u)
#define UART_RX_PIN (32u + 10u)

#include "cortex_m_cycles.h"
#include "nrf52.h"

#define NVIC_ICER 0xE000E180u
#define NVIC_ICPR 0xE000E280u

static void quiet_interrupts(void)
{
    REG(SYST_CSR) = 0;
    for (uint32_t i = 0; i < 8u; i += 4u) { /* 48 of them */
        REG(NVIC_ICER + i) = ~0u;
        REG(NVIC_ICPR + i) = ~0u;
    }
    __asm__ volatile("cpsie i" ::: "memory");
}

bool port_init(void)
{
    quiet_interrupts();
    bool clock_reached = nrf52_start_clock();
    nrf52_start_uart();
    return clock_reached;
}
