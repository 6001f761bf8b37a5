/* SPDX-License-Identifier: Apache-2.0
 *
 * Where along an axis the extreme is.
 */
#ifndef ER_POSITIONS_H
#define ER_POSITIONS_H

#include "er_kernels.h"
#include "er_stored.h"

/* Writes an index as the 32 or 64 bits of a little-endian number. */
static inline uint32_t *er_write_index(uint32_t *output, uint32_t index, uint32_t words)
{
    output[0] = index;
    if (words == 2) {
        output[1] = 0;
    }
    return output + words;
}

ER_ALWAYS_INLINE uint32_t er_position_of(const er_position *p, const void *input, uint32_t start,
                                         int wide)
{
    int32_t best = er_load(input, start, wide);
    uint32_t found = 0;
    for (uint32_t i = 1; i < p->depth; i++) {
        const int32_t value = er_load(input, start + i * p->inner, wide);
        const int32_t ahead = p->smallest ? best - value : value - best;
        if (ahead > 0 || (ahead == 0 && p->last)) {
            best = value;
            found = i;
        }
    }
    return found;
}

ER_ALWAYS_INLINE void er_position_ints(const er_position *p, const void *input, void *output,
                                       int wide)
{
    uint32_t *at = output;
    for (uint32_t i = 0; i < p->outer; i++) {
        for (uint32_t j = 0; j < p->inner; j++) {
            const uint32_t start = i * p->depth * p->inner + j;
            at = er_write_index(at, er_position_of(p, input, start, wide), p->words);
        }
    }
}

#endif
