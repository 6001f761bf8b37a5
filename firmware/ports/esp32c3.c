/* SPDX-License-Identifier: Apache-2.0
 *
 * ESP32-C3 after a direct boot: 160 MHz from the PLL that the boot ROM leaves on, UART0 as the ROM
 * has set it up. Registers: esp-rs/esp-pacs; clock: esp-idf clk_tree_ll.h; watchdogs: espressif's
 * esptool and esp-hal; counter: esp-idf rv_utils. Not run on silicon.
 */
#include "board.h"
#include "port.h"
#include "riscv_csr.h"

#define WATCHDOG_KEY 0x50D83AA1u
#define RTC_WDT_CONFIG 0x60008090u
#define RTC_WDT_PROTECT 0x600080A8u
#define SUPER_WDT_CONFIG 0x600080ACu
#define SUPER_WDT_PROTECT 0x600080B0u
#define SUPER_WDT_KEY 0x8F1D312Au
#define SUPER_WDT_DISABLE (1u << 30)
#define TIMG0 0x6001F000u
#define TIMG1 0x60020000u
#define TIMG_WDT_CONFIG 0x48u
#define TIMG_WDT_PROTECT 0x64u
#define CPU_PER_CONF 0x600C0008u
#define CPU_160_MHZ (1u << 0 | 1u << 2) /* of a PLL of 480 MHz */
#define SYSCLK_CONF 0x600C0058u
#define SYSCLK_SOURCE (3u << 10)
#define SYSCLK_PLL (1u << 10)
#define SYSCLK_DIVIDER 0x3FFu

#define UART_FIFO (BOARD_UART_BASE + 0x00)
#define UART_STATUS (BOARD_UART_BASE + 0x1C)
#define UART_RX_COUNT 0x3FFu
#define UART_TX_FULL (1u << 23) /* the bit of 128, all that the buffer holds, in its count */

#if BOARD_CLOCK_HZ != 160000000 || BOARD_BAUD != 115200
#error "the divider makes 160 MHz, and the boot ROM 115,200 baud"
#endif

/* The super watchdog alone resets the chip once a second. */
static void stop_watchdogs(void)
{
    REG(TIMG0 + TIMG_WDT_PROTECT) = WATCHDOG_KEY;
    REG(TIMG0 + TIMG_WDT_CONFIG) = 0;
    REG(TIMG1 + TIMG_WDT_PROTECT) = WATCHDOG_KEY;
    REG(TIMG1 + TIMG_WDT_CONFIG) = 0;
    REG(RTC_WDT_PROTECT) = WATCHDOG_KEY;
    REG(RTC_WDT_CONFIG) = 0;
    REG(SUPER_WDT_PROTECT) = SUPER_WDT_KEY;
    port_change(SUPER_WDT_CONFIG, 0, SUPER_WDT_DISABLE);
}

/* There is nothing that says when the switch is done, but what was written can be read back. */
static bool start_clock(void)
{
    port_change(CPU_PER_CONF, 3u, CPU_160_MHZ);
    port_change(SYSCLK_CONF, SYSCLK_SOURCE | SYSCLK_DIVIDER, SYSCLK_PLL);
    return port_wait(SYSCLK_CONF, SYSCLK_SOURCE | SYSCLK_DIVIDER, SYSCLK_PLL) &&
           port_wait(CPU_PER_CONF, 7u, CPU_160_MHZ);
}

bool port_init(void)
{
    stop_watchdogs();
    return start_clock();
}

__attribute__((noinline)) uint8_t port_getc(void)
{
    while ((REG(UART_STATUS) & UART_RX_COUNT) == 0) {
    }
    return (uint8_t)REG(UART_FIFO);
}

void port_putc(uint8_t byte)
{
    if (port_wait(UART_STATUS, UART_TX_FULL, 0)) {
        REG(UART_FIFO) = byte;
    }
}

static uint32_t cycles_before;
static uint64_t cycles_total;

/* 0x7E0: what is counted, bit 0 cycles; 0x7E1: whether; 0x7E2: the count. */
uint32_t port_cycles_start(void)
{
    CSR_WRITE(0x7E0, 1);
    CSR_WRITE(0x7E1, 1);
    cycles_before = CSR_READ(0x7E2);
    cycles_total = 0;
    return CSR_READ(0x7E2) != cycles_before ? PORT_CORE_COUNTER : PORT_NO_COUNTER;
}

uint64_t port_cycles(void)
{
    uint32_t now = CSR_READ(0x7E2);
    cycles_total += now - cycles_before;
    cycles_before = now;
    return cycles_total;
}
