/* SPDX-License-Identifier: Apache-2.0
 *
 * From the start of a Linux process on AArch64 to main. The kernel has filled .data and .bss. The
 * stack is the image's own, as on a microcontroller, so that what is used of it can be told. There
 * is nobody to return to: the port ends the process.
 */
#include "link.h"
#include "startup.h"

void Reset_Handler(void);
void startup(void);

__attribute__((naked, noreturn, used, section(".vectors"))) void Reset_Handler(void)
{
    __asm__ volatile("adrp x0, __stack_top\n"
                     "add x0, x0, :lo12:__stack_top\n"
                     "and sp, x0, #-16\n"
                     "b startup\n");
}

__attribute__((noreturn, used)) void startup(void)
{
    main();
    for (;;) {
    }
}
