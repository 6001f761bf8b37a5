/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <stdbool.h>

#include "port.h"

#define GROUP_MAX 254u /* most bytes behind one COBS code */

uint32_t frame_load(const uint8_t *bytes, uint32_t count)
{
    uint32_t value = 0;
    while (count-- > 0) {
        value = value << 8 | bytes[count];
    }
    return value;
}

void frame_store(uint8_t *bytes, uint32_t count, uint32_t value)
{
    for (uint32_t i = 0; i < count; ++i) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Reflected polynomial 0xEDB88320, four bits a step. */
uint32_t frame_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    crc = ~crc;
    for (uint32_t i = 0; i < count; ++i) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* Decodes in place, which is safe as the code bytes keep the reader ahead of the writer. 0 where a
 * group claims more bytes than there are. */
static uint32_t cobs_decode(uint8_t *buffer, uint32_t count)
{
    uint32_t in = 0;
    uint32_t out = 0;
    while (in < count) {
        uint32_t run = buffer[in++] - 1u;
        if (run > count - in) {
            return 0;
        }
        for (uint32_t i = 0; i < run; ++i) {
            buffer[out++] = buffer[in++];
        }
        if (run < GROUP_MAX && in < count) {
            buffer[out++] = 0;
        }
    }
    return out;
}

uint32_t frame_take(frame_reader *reader, uint8_t byte)
{
    if (byte != 0) {
        if (reader->count < FRAME_BUFFER) {
            reader->buffer[reader->count] = byte;
        }
        reader->count += reader->count <= FRAME_BUFFER; /* one more: it is too long */
        return 0;
    }
    uint32_t count = reader->count;
    reader->count = 0;
    count = count <= FRAME_BUFFER ? cobs_decode(reader->buffer, count) : 0;
    if (count < FRAME_HEAD + FRAME_CRC || count > FRAME_MAX + FRAME_CRC) {
        return 0;
    }
    count -= FRAME_CRC;
    bool whole = frame_crc32(0, reader->buffer, count) == frame_load(reader->buffer + count, FRAME_CRC);
    return whole ? count : 0;
}

static uint32_t nonzero_run(const uint8_t *bytes, uint32_t count)
{
    uint32_t run = 0;
    while (run < count && run < GROUP_MAX && bytes[run] != 0) {
        ++run;
    }
    return run;
}

void frame_send(uint8_t *buffer, uint32_t length)
{
    frame_store(buffer + length, FRAME_CRC, frame_crc32(0, buffer, length));
    const uint8_t *bytes = buffer;
    uint32_t left = length + FRAME_CRC;
    bool more = true;
    while (more) {
        uint32_t run = nonzero_run(bytes, left);
        port_putc((uint8_t)(run + 1u));
        for (uint32_t i = 0; i < run; ++i) {
            port_putc(bytes[i]);
        }
        more = run < left;
        /* A full group stands for its bytes alone, any other for a zero behind them as well. */
        uint32_t taken = more && run < GROUP_MAX ? run + 1u : run;
        bytes += taken;
        left -= taken;
    }
    port_putc(0);
}
