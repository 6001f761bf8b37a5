/* SPDX-License-Identifier: Apache-2.0
 *
 * The link, version 2: a host loads inputs, runs the model and reads outputs over the serial port.
 *
 * Frames (frame.h) of [kind][sequence][body]. The host speaks first. The answer has kind | 0x80,
 * the same sequence, and a body of [status][data]. A RUN that repeats the sequence of the frame
 * before it, also a RUN, is answered without running again: the host had lost the answer.
 * Integers are little-endian.
 *
 *     0x01 IDENTIFY -> u16 protocol, u32 clock in Hz, u8 clock reached, u8 inputs, u8 outputs,
 *                      u16 layers, u8 flags, 8 bytes of the image's build id,
 *                      u32 bytes of each input, u32 bytes of each output,
 *                      u32 stack size, board name, 0, model name (cut to fit), 0
 *     0x02 WRITE    u8 input, u32 offset, data
 *     0x03 RUN      runs the model once; status 5 where the stack outgrew its room
 *     0x04 READ     u8 output, u32 offset, u16 length -> data
 *     0x05 RESET    clears the model's state
 *     0x06 STACK    -> u32 most bytes of stack that the last RUN used
 *     0x10 MAP      -> u32 start, u32 end of: the model's code and constants, initialized data,
 *                      the model's RAM, the stack
 *
 * Until IDENTIFY has come once since the start, all else is answered by status 7, so that a host
 * does not miss that the board was reset.
 *
 * A profiling build also knows (profile.h says what is gathered)
 *
 *     0x03 RUN      u8 what, with 0x80 added: gathers more, instead of starting over;
 *                   status 6 where nothing counts cycles
 *     0x11 COUNTER  u8 whether to start it -> u8 kind of counter (port.h), u64 cycles
 *     0x12 FIGURES  u16 first, u16 count -> so many u64: of the layers, then of the inference
 *
 * Firmware whose model was exported with its layers callable one by one also knows
 *
 *     0x07 POISON    u8 value: fills the arena
 *     0x08 RUN_LAYER u16 layer: runs it; repeated as RUN is
 *     0x09 PEEK      u8 area (0 arena, 1 state), u32 offset, u16 length -> data
 *
 * Unasked, with sequence 0, the firmware sends a frame of kind 0xFE and status 0 when it has started,
 * and after a fault kind 0xFF, status 4 and twelve words: r0 to r3, r12, lr, pc, xpsr as stacked, CFSR,
 * HFSR, MMFAR, BFAR (the last four 0 on Armv6-M, which has none; startup_riscv.c says what stands
 * there on RISC-V). It then stands still, but for telling so again to every frame that comes.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_PROTOCOL 2u

/* 0x0A and 0x0D stay free: in text they end lines. */
enum { LINK_IDENTIFY = 1, LINK_WRITE, LINK_RUN, LINK_READ, LINK_RESET, LINK_STACK };
enum { LINK_POISON = 7, LINK_RUN_LAYER, LINK_PEEK };
enum { LINK_MAP = 0x10, LINK_COUNTER, LINK_FIGURES };
enum {
    LINK_OK,
    LINK_UNKNOWN_KIND,
    LINK_BAD_ARGUMENT,
    LINK_TOO_LONG,
    LINK_FAULT,
    LINK_STACK_OVERFLOW,
    LINK_NO_COUNTER,
    LINK_NOT_IDENTIFIED,
};

/* Flags of the image, in IDENTIFY. */
#ifdef MODEL_PROFILE
#define LINK_PROFILES 1u
#else
#define LINK_PROFILES 0u
#endif
#ifdef MODEL_LAYERWISE
#define LINK_LAYERWISE 2u
#else
#define LINK_LAYERWISE 0u
#endif

/* Answers the host for ever. */
__attribute__((noreturn)) void link_serve(bool clock_reached);

/* The clock that the core runs at. */
uint32_t link_clock_hz(void);

/* For another protocol on the same port (mlperf.c); by default there is none. It sees every byte. True
 * where the byte ended a command, so that none before it belongs to a frame. */
bool link_text(uint8_t byte);

/* Whether no frame is sent when the firmware has started. */
extern const bool link_starts_silently;

/* Runs the model. Nothing else calls model_invoke: emulators stop here. */
void link_run(void);

/* Sends the fault's registers, for ever: `stacked` are the eight words that the core stacked. */
__attribute__((noreturn)) void link_fault(const uint32_t *stacked);

#endif
