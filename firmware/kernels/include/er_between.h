/* SPDX-License-Identifier: Apache-2.0
 *
 * Between which two pixels a coordinate lies.
 */
#ifndef ER_BETWEEN_H
#define ER_BETWEEN_H

#include <stdint.h>

enum { ER_PIXEL = 1024 };

/* The pixels before and behind, and how far it is from the first, in 1/1024. */
typedef struct {
    uint32_t first, second;
    int32_t share;
} er_between;

/* Where `where`, in 1/1024 of a pixel, lies among `size` pixels. Before the first, both are that. */
static inline er_between er_between_at(int32_t where, uint32_t size)
{
    er_between at = {0, 0, where};
    if (where > 0) {
        at.first = (uint32_t)where / ER_PIXEL;
        at.second = ((uint32_t)where + ER_PIXEL - 1) / ER_PIXEL;
        at.share = where - (int32_t)(at.first * ER_PIXEL);
    }
    if (at.second > size - 1) {
        at.second = size - 1;
    }
    return at;
}

#endif
