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

/* Bytes since the last zero, in a buffer of FRAME_BUFFER bytes. */
typedef struct {
    uint8_t *buffer;
    uint32_t count;
} frame_reader;

/* Takes in a received byte. Where it ends a frame that is whole and has the right CRC: the length of
 * that, without CRC, FRAME_HEAD to FRAME_MAX; the frame is in the buffer. Else 0. */
uint32_t frame_take(frame_reader *reader, uint8_t byte);

/* Sends `length` bytes, at most FRAME_MAX. `buffer` has room for FRAME_CRC more, written here. */
void frame_send(uint8_t *buffer, uint32_t length);

/* CRC-32 of IEEE 802.3, as zlib's crc32: of more bytes behind those that gave `crc`, 0 at first. */
uint32_t frame_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count);

/* Little-endian integers of `count` bytes, at most four. */
uint32_t frame_load(const uint8_t *bytes, uint32_t count);
void frame_store(uint8_t *bytes, uint32_t count, uint32_t value);

#endif
