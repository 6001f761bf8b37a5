/* SPDX-License-Identifier: Apache-2.0
 *
 * From reset to main on any Cortex-M: the vector table, the FPU, .data and .bss, and what to do on
 * a fault. The table ends with the system exceptions, as no other interrupt is ever enabled than the
 * one of SysTick, and that only to count cycles.
 */
#include <stdint.h>

#include "board.h"
#include "link.h"
#include "port.h"
#include "startup.h"

#define VTOR 0xE000ED08u

void Reset_Handler(void);
void SysTick_Handler(void);
void startup(void);
void fault(const uint32_t *stacked);

/* Assembly, because it sets the stack for a start from a debugger or boot loader, and because
 * compiled code may use the FPU as early as in a function's first instruction. The FPU is enabled
 * by full access to coprocessors 10 and 11 in CPACR (0xE000ED88): CMSIS core_cm4.h. */
__attribute__((naked, noreturn, used)) void Reset_Handler(void)
{
    __asm__ volatile("ldr r0, =__stack_top\n"
                     "mov sp, r0\n"
#if BOARD_HAS_FPU
                     "ldr r0, =0xE000ED88\n"
                     "ldr r1, [r0]\n"
                     "ldr r2, =0x00F00000\n"
                     "orrs r1, r1, r2\n"
                     "str r1, [r0]\n"
                     "dsb\n"
                     "isb\n"
#endif
                     "ldr r0, =startup\n"
                     "bx r0\n"
                     ".ltorg\n");
}

__attribute__((naked, noreturn, used)) static void fault_entry(void)
{
    __asm__ volatile("mov r0, sp\n"
                     "ldr r1, =fault\n"
                     "bx r1\n"
                     ".ltorg\n");
}

__attribute__((weak)) void port_tick(void) {}

/* Not port_tick itself: the emulators count what runs here with the code that it interrupts. */
__attribute__((used)) void SysTick_Handler(void) { port_tick(); }

typedef union {
    const void *address;
    void (*handler)(void);
} vector;

/* VTOR holds no low bits: 256 bytes serve every core. */
__attribute__((section(".vectors"), used, aligned(256))) const vector vector_table[16] = {
    {.address = __stack_top},  {.handler = Reset_Handler}, {.handler = fault_entry},
    {.handler = fault_entry},  {.handler = fault_entry},   {.handler = fault_entry},
    {.handler = fault_entry},  {.handler = fault_entry},   {.handler = fault_entry},
    {.handler = fault_entry},  {.handler = fault_entry},   {.handler = fault_entry},
    {.handler = fault_entry},  {.handler = fault_entry},   {.handler = fault_entry},
    {.handler = SysTick_Handler},
};

__attribute__((noreturn, used)) void startup(void)
{
    REG(VTOR) = (uint32_t)(uintptr_t)vector_table;
    startup_fill_memory();
    main();
    for (;;) {
    }
}

/* Reports, then stands still for a debugger. A stack pointer outside the stack is not
 * followed: a second fault here would lock the core up, with nothing told. */
__attribute__((noreturn, used)) void fault(const uint32_t *stacked)
{
    static const uint32_t unknown[8];
    bool sane = stacked >= __data_start && stacked + 8 <= __stack_top;
    link_fault(sane ? stacked : unknown);
}
