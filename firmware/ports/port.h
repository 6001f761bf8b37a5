/* SPDX-License-Identifier: Apache-2.0
 *
 * What a port gives: a clock, a serial port that sends and receives a byte, and a count of cycles.
 * One C file a family of chips; the figures of the board (clock, baud rate, addresses) are in
 * board.h. The linker script refuses a port that lacks the count.
 */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Sets up the clock, then the serial port. Returns whether the core runs at BOARD_CLOCK_HZ; where
 * it does not, it runs at BOARD_FALLBACK_HZ, and the serial port is set up for that. */
bool port_init(void);

/* Waits for a byte. Not inlined: this is where the firmware idles, and an emulator can stop. */
uint8_t port_getc(void);

/* Sends a byte; drops it when the port does not take it within the limit of port_wait. */
void port_putc(uint8_t byte);

/* What counts cycles: the core's own counter, or a timer at the core's clock. */
enum { PORT_NO_COUNTER, PORT_CORE_COUNTER, PORT_TIMER };

/* Starts counting the core's cycles, and says by what. Where nothing that counts them moves, there is
 * no figure to give. It may turn on the one interrupt that counts wraps. */
uint32_t port_cycles_start(void);

/* Cycles since port_cycles_start said that something counts, give or take what a call takes. A port's counter of
 * 32 bits wraps: call it at least once in 2^32 cycles, which is 8.9 s at 480 MHz. */
uint64_t port_cycles(void);

/* Raises or lowers a pin while a profiling build runs the model, for a power monitor to record. A
 * port that has no such pin leaves it out. */
void port_mark(bool running);

/* What the SysTick interrupt calls; a port that has none leaves it out. */
void port_tick(void);

/* Called before .data and .bss are filled: powers memories that are off after reset. Uses no
 * variables. A port whose memories are all on leaves it out. */
void port_power_memories(void);

/* Whether the masked bits of a register become `value` before the limit. Every wait but port_getc's
 * goes through here: hardware that is not as expected, or not there, must not hang the firmware.
 * The limit is at least 100,000 cycles: 0.5 ms at 216 MHz, where a byte at 115,200 baud takes 0.09
 * ms; 8 ms at 12 MHz, where an oscillator takes 1 ms to start. */
static inline bool port_wait(uint32_t address, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < 20000u; ++i) {
        if ((REG(address) & mask) == value) {
            return true;
        }
    }
    return false;
}

static inline void port_change(uint32_t address, uint32_t clear, uint32_t set)
{
    REG(address) = (REG(address) & ~clear) | set;
    (void)REG(address); /* read back: the write has arrived before what relies on it */
}

#endif
