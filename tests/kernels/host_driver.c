/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs kernel calls from a file, each buffer in a block of malloc of exactly its size, so that the
 * address sanitizer sees one byte too many. All numbers are uint32_t.
 *
 * A call: index of the kernel; number of buffers, then of each its size and bytes; number of places
 * to set to addresses, then of each the buffer and offset where it is (buffer 0: the parameters) and
 * the buffer whose address goes there; number of arguments, then the buffer of each, or 2^32 - 1 for
 * NULL. Afterwards all buffers are written out, except the parameters.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "er_kernels.h"

enum { BUFFERS = 16 };

static void *argument[BUFFERS];

#include "host_wrappers.h"

typedef void (*wrapper)(const void *p);
static const wrapper kernels[] = {
#include "host_table.h"
};

static uint32_t number(FILE *file)
{
    uint32_t value;
    if (fread(&value, sizeof value, 1, file) != 1) {
        exit(2);
    }
    return value;
}

static void *allocate(uint32_t size)
{
    void *block = malloc(size);
    if (block == NULL) {
        exit(3);
    }
    return block;
}

static void run_one(FILE *in, FILE *out)
{
    const uint32_t kernel = number(in), buffers = number(in);
    uint8_t *buffer[BUFFERS];
    uint32_t size[BUFFERS];
    for (uint32_t i = 0; i < buffers; i++) {
        size[i] = number(in);
        buffer[i] = allocate(size[i]);
        if (fread(buffer[i], 1, size[i], in) != size[i]) {
            exit(4);
        }
    }
    for (uint32_t i = number(in); i > 0; i--) {
        const uint32_t which = number(in), offset = number(in), to = number(in);
        memcpy(buffer[which] + offset, &buffer[to], sizeof buffer[to]);
    }
    const uint32_t arguments = number(in);
    for (uint32_t i = 0; i < arguments; i++) {
        const uint32_t which = number(in);
        argument[i] = which == UINT32_MAX ? NULL : buffer[which];
    }
    kernels[kernel](buffer[0]);
    for (uint32_t i = 0; i < buffers; i++) {
        if (i > 0) {
            fwrite(buffer[i], 1, size[i], out);
        }
        free(buffer[i]);
    }
}

int main(int count, char **names)
{
    FILE *in = fopen(names[1], "rb"), *out = fopen(names[2], "wb");
    if (count != 3 || in == NULL || out == NULL) {
        return 1;
    }
    for (uint32_t calls = number(in); calls > 0; calls--) {
        run_one(in, out);
    }
    return fclose(in) | fclose(out);
}
