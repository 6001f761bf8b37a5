/* SPDX-License-Identifier: Apache-2.0
 *
 * From reset to main on a RISC-V core: stack, traps, .data and .bss. It comes first in the image,
 * behind what the boot ROM wants to see. No interrupt is ever enabled.
 */
#include <stdint.h>

#include "link.h"
#include "startup.h"

void Reset_Handler(void);
void startup(void);
void fault(const uint32_t *stacked);

/* The ESP32-C3 takes traps at a table of jumps that is aligned to 256 bytes, and exceptions at its
 * first entry, whatever mtvec says of it; so does a core that takes all at one address. A stack that
 * is outside of RAM is not used: the registers of a fault are then stored at its top. */
__attribute__((naked, used, aligned(256))) static void trap_entry(void)
{
    __asm__ volatile("csrw mscratch, t0\n"
                     "la t0, __stack_limit\n"
                     "bltu sp, t0, 1f\n"
                     "la t0, __stack_top\n"
                     "bgeu t0, sp, 2f\n"
                     "1: la sp, __stack_top\n"
                     "2: addi sp, sp, -32\n"
                     "sw a0, 0(sp)\n"
                     "sw a1, 4(sp)\n"
                     "sw a2, 8(sp)\n"
                     "sw a3, 12(sp)\n"
                     "csrr t0, mtval\n"
                     "sw t0, 16(sp)\n"
                     "sw ra, 20(sp)\n"
                     "csrr t0, mepc\n"
                     "sw t0, 24(sp)\n"
                     "csrr t0, mcause\n"
                     "sw t0, 28(sp)\n"
                     "mv a0, sp\n"
                     "andi sp, sp, -16\n"
                     "j fault\n");
}

__attribute__((naked, noreturn, used, section(".vectors"))) void Reset_Handler(void)
{
    __asm__ volatile(".option push\n"
                     ".option norelax\n"
                     "la gp, __global_pointer$\n"
                     ".option pop\n"
                     "csrw mie, zero\n"
                     "la sp, __stack_top\n"
                     "la t0, trap_entry\n"
                     "csrw mtvec, t0\n"
                     "j startup\n");
}

__attribute__((noreturn, used)) void startup(void)
{
    startup_fill_memory();
    main();
    for (;;) {
    }
}

/* Reports, then stands still for a debugger: a0 to a3, mtval, ra, mepc and mcause stand where
 * an Arm core has r0 to r3, r12, lr, pc and xpsr. */
__attribute__((noreturn, used)) void fault(const uint32_t *stacked)
{
    link_fault(stacked);
}
