/* SPDX-License-Identifier: Apache-2.0
 *
 * QEMU's virt machine with a 32-bit RISC-V core: a 16550 serial port, ready from the start.
 */
#include "board.h"
#include "port.h"
#include "riscv_csr.h"

#define UART_DATA BOARD_UART_BASE
#define UART_STATE (BOARD_UART_BASE + 5)
#define UART_RX_READY 1u
#define UART_TX_EMPTY (1u << 5)
#define BYTE(address) (*(volatile uint8_t *)(uintptr_t)(address))

bool port_init(void) { return true; }

__attribute__((noinline)) uint8_t port_getc(void)
{
    while ((BYTE(UART_STATE) & UART_RX_READY) == 0) {
    }
    return BYTE(UART_DATA);
}

/* Not port_wait, which reads words: the registers are bytes. */
void port_putc(uint8_t byte)
{
    for (uint32_t i = 0; i < 20000u; ++i) {
        if ((BYTE(UART_STATE) & UART_TX_EMPTY) != 0) {
            BYTE(UART_DATA) = byte;
            return;
        }
    }
}

static uint64_t cycles_start;

static uint64_t cycles_now(void)
{
    uint32_t high;
    uint32_t low;
    do {
        high = CSR_READ(mcycleh);
        low = CSR_READ(mcycle);
    } while (high != CSR_READ(mcycleh));
    return (uint64_t)high << 32 | low;
}

uint32_t port_cycles_start(void)
{
    cycles_start = cycles_now();
    return cycles_now() != cycles_start ? PORT_CORE_COUNTER : PORT_NO_COUNTER;
}

uint64_t port_cycles(void) { return cycles_now() - cycles_start; }
