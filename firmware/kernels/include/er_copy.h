/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying bytes, rows, and whole arrangements.
 */
#ifndef ER_COPY_H
#define ER_COPY_H

#include "er_attributes.h"
#include "er_kernels.h"

/* n bytes, from the first on, so that `to` may lie before `from` and overlap it: by words where both
 * are aligned alike. */
static inline void er_copy_bytes(uint8_t *to, const uint8_t *from, uint32_t n)
{
    if ((((uintptr_t)to ^ (uintptr_t)from) & 3u) == 0) {
        for (; n > 0 && ((uintptr_t)to & 3u) != 0; n--) {
            *to++ = *from++;
        }
        uint32_t *word_to = (uint32_t *)(void *)to;
        const uint32_t *word_from = (const uint32_t *)(const void *)from;
        for (; n >= 16; n -= 16, word_to += 4, word_from += 4) {
            word_to[0] = word_from[0];
            word_to[1] = word_from[1];
            word_to[2] = word_from[2];
            word_to[3] = word_from[3];
        }
        for (; n >= 4; n -= 4) {
            *word_to++ = *word_from++;
        }
        to = (uint8_t *)word_to;
        from = (const uint8_t *)word_from;
    }
    for (; n > 0; n--) {
        *to++ = *from++;
    }
}

/* The innermost axis. */
static inline void er_copy_row(uint8_t *to, const uint8_t *from, const int32_t *axis, uint32_t size)
{
    const int32_t count = axis[0], in = axis[1], out = axis[2];
    if (in == (int32_t)size && in == out) {
        er_copy_bytes(to, from, (uint32_t)count * size);
        return;
    }
    for (int32_t i = 0, a = 0, b = 0; i < count; i++, a += in, b += out) {
        if (size == 1) {
            to[b] = from[a];
        } else if (size == 2) {
            *(uint16_t *)(void *)(to + b) = *(const uint16_t *)(const void *)(from + a);
        } else {
            *(uint32_t *)(void *)(to + b) = *(const uint32_t *)(const void *)(from + a);
        }
    }
}

/* All that `p` says. */
static inline void er_copy_all(const er_copy *p, const uint8_t *input, uint8_t *output)
{
    const int32_t *const row = p->axes + 3 * (p->rank - 1);
    const int32_t *axis;
    int32_t done[ER_MOST_AXES] = {0};
    int32_t from = p->in_start, to = p->out_start;
    int32_t level;
    do {
        er_copy_row(output + to, input + from, row, p->size);
        /* The next row: on along the innermost axis that is not at its end. */
        level = (int32_t)p->rank - 2;
        for (axis = row - 3; level >= 0; level--, axis -= 3) {
            from += axis[1];
            to += axis[2];
            if (++done[level] < axis[0]) {
                break;
            }
            done[level] = 0;
            from -= axis[0] * axis[1];
            to -= axis[0] * axis[2];
        }
    } while (level >= 0);
}

#endif
