/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames over the serial port: COBS of the bytes and of their CRC-32 (little-endian, as zlib's
 * crc32), each ended by a zero byte.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

#define FRAME_HEAD 2u       /* kind, sequence */
#define FRAME_BODY_MAX 256u /* what follows them */
#define FRAME_MAX (FRAME_HEAD + FRAME_BODY_MAX)
#define FRAME_CRC 4u
/* COBS adds one byte in 254, at least one. */
#define FRAME_BUFFER (FRAME_MAX + FRAME_CRC + 2u)

/* Waits for a frame that is whole and has the right CRC; any other is dropped without an answer.
 * `buffer` takes FRAME_BUFFER bytes. Returns the length without CRC: FRAME_HEAD to FRAME_MAX. */
uint32_t frame_receive(uint8_t *buffer);

/* Sends `length` bytes, at most FRAME_MAX. `buffer` has room for FRAME_CRC more, written here. */
void frame_send(uint8_t *buffer, uint32_t length);

/* Little-endian integers of `count` bytes, at most four. */
uint32_t frame_load(const uint8_t *bytes, uint32_t count);
void frame_store(uint8_t *bytes, uint32_t count, uint32_t value);

#endif
