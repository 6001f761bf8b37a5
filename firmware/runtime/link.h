/* SPDX-License-Identifier: Apache-2.0
 *
 * The link, version 1: a host loads inputs, runs the model and reads outputs over the serial port.
 *
 * Frames (frame.h) of [kind][sequence][body]. The host speaks first. The answer has kind | 0x80,
 * the same sequence, and a body of [status][data]. A RUN that repeats the sequence of the frame
 * before it, also a RUN, is answered without running again: the host had lost the answer.
 * Integers are little-endian.
 *
 *     0x01 IDENTIFY -> u16 protocol, u32 clock in Hz, u8 clock reached, u8 inputs, u8 outputs,
 *                      u16 layers, u32 bytes of each input, u32 bytes of each output,
 *                      u32 stack size, board name, 0, model name (cut to fit), 0
 *     0x02 WRITE    u8 input, u32 offset, data
 *     0x03 RUN      runs the model once; status 5 where the stack outgrew its room
 *     0x04 READ     u8 output, u32 offset, u16 length -> data
 *     0x05 RESET    clears the model's state
 *     0x06 STACK    -> u32 most bytes of stack that the last RUN used
 *
 * Firmware whose model was exported with its layers callable one by one also knows
 *
 *     0x07 POISON    u8 value: fills the arena
 *     0x08 RUN_LAYER u16 layer: runs it; repeated as RUN is
 *     0x09 PEEK      u8 area (0 arena, 1 state), u32 offset, u16 length -> data
 *
 * After a fault the firmware sends once, unasked, kind 0xFF, sequence 0, status 4 and twelve words:
 * r0 to r3, r12, lr, pc, xpsr as stacked, CFSR, HFSR, MMFAR, BFAR (the last four 0 on Armv6-M,
 * which has none; startup_riscv.c says what stands there on RISC-V). It then stands still.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_PROTOCOL 1u

enum { LINK_IDENTIFY = 1, LINK_WRITE, LINK_RUN, LINK_READ, LINK_RESET, LINK_STACK };
enum { LINK_POISON = 7, LINK_RUN_LAYER, LINK_PEEK };
enum { LINK_OK, LINK_UNKNOWN_KIND, LINK_BAD_ARGUMENT, LINK_TOO_LONG, LINK_FAULT, LINK_STACK_OVERFLOW };

/* Answers the host for ever. */
__attribute__((noreturn)) void link_serve(bool clock_reached);

/* Runs the model. Nothing else calls model_invoke: emulators stop here. */
void link_run(void);

/* Sends the fault's registers: `stacked` are the eight words that the core stacked. */
void link_fault(const uint32_t *stacked);

#endif
