/* SPDX-License-Identifier: Apache-2.0
 *
 * The first 256 bytes of an RP2040's flash. The boot ROM copies them to RAM, checks the sum in
 * their last word and runs them. They let the flash be read as memory, by the command that every
 * flash chip has (03h: 24 address bits, one data line), then start what stands behind them.
 *
 * Registers: pico-sdk 2.2.0 hardware/regs/ssi.h. The sum is CRC-32 with polynomial 0x04C11DB7, not
 * reflected, from 0xFFFFFFFF and with no final inversion, over the 252 bytes before it; a test
 * computes it from the built image. Not run on silicon.
 */
__asm__(".section .boot, \"ax\"\n"
        ".balign 4\n"
        ".global boot2\n"
        ".thumb_func\n"
        "boot2:\n"
        "    ldr r0, .Lssi\n"
        "    movs r1, #0\n"
        "    str r1, [r0, #0x08]\n" /* SSIENR: off, to be set up */
        "    movs r2, #4\n"
        "    str r2, [r0, #0x14]\n" /* BAUDR: clk_sys / 4 */
        "    ldr r2, .Lframes\n"
        "    str r2, [r0, #0x00]\n" /* CTRLR0 */
        "    str r1, [r0, #0x04]\n" /* CTRLR1: one frame a read */
        "    movs r3, #0xF4\n"
        "    ldr r2, .Lcommand\n"
        "    str r2, [r0, r3]\n" /* SPI_CTRLR0 */
        "    movs r1, #1\n"
        "    str r1, [r0, #0x08]\n" /* SSIENR: on */
        "    ldr r0, .Lvectors\n"
        "    ldr r1, .Lvtor\n"
        "    str r0, [r1]\n"
        "    ldr r1, [r0]\n"
        "    msr msp, r1\n"
        "    ldr r1, [r0, #4]\n"
        "    bx r1\n"
        ".balign 4\n"
        ".Lssi: .word 0x18000000\n"
        ".Lframes: .word 0x001F0300\n"  /* 32 bits a frame; command and address out, data in */
        ".Lcommand: .word 0x03000218\n" /* command 03h of 8 bits, address of 24, all on one line */
        ".Lvectors: .word 0x10000100\n"
        ".Lvtor: .word 0xE000ED08\n"
        ".org 252\n"
        ".word 0x0C6A87AD\n"
        ".previous\n");
