/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathering what one output of a convolution reads.
 */
#ifndef ER_PATCH_H
#define ER_PATCH_H

#include <stddef.h>
#include <stdint.h>

#include "er_attributes.h"
#include "er_kernels.h"

/* The smaller of two. */
static inline int32_t er_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The larger of two. */
static inline int32_t er_most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Takes `count` elements that lie side by side, or with NULL as many from outside the image, to
 * `to`; returns where the next go. */
typedef void *er_run(const int8_t *from, int32_t count, int32_t zero, void *to);

/* The runs of one row of taps, the first at column `left` of the image row that is at `line`. */
static inline void *er_row_runs(const er_window *w, const int8_t *line, int32_t left, int32_t zero,
                                er_run *run, void *to)
{
    const int32_t taps = w->kernel_w, depth = w->in_c;
    if (w->dilation_w == 1 && left >= 0 && left + taps <= w->in_w) {
        return run(line + left * depth, taps * depth, zero, to);
    }
    if (w->dilation_w == 1) {
        const int32_t before = er_least(er_most(-left, 0), taps);
        const int32_t inside = er_most(er_least(w->in_w - left, taps) - before, 0);
        to = before > 0 ? run(NULL, before * depth, zero, to) : to;
        to = inside > 0 ? run(line + (left + before) * depth, inside * depth, zero, to) : to;
        return before + inside < taps ? run(NULL, (taps - before - inside) * depth, zero, to) : to;
    }
    for (int32_t tap = 0, x = left; tap < taps; tap++, x += w->dilation_w) {
        to = run(x >= 0 && x < w->in_w ? line + x * depth : NULL, depth, zero, to);
    }
    return to;
}

/* The runs of the kernel_h x kernel_w x in_c elements below the kernel at output (row, column). */
static inline void *er_patch_runs(const er_window *w, const int8_t *input, int32_t row,
                                  int32_t column, int32_t zero, er_run *run, void *to)
{
    const int32_t left = column * w->stride_w - w->pad_left;
    int32_t y = row * w->stride_h - w->pad_top;
    for (int32_t tap = 0; tap < w->kernel_h; tap++, y += w->dilation_h) {
        if (y >= 0 && y < w->in_h) {
            to = er_row_runs(w, input + y * w->in_w * w->in_c, left, zero, run, to);
        } else {
            to = run(NULL, w->kernel_w * w->in_c, zero, to);
        }
    }
    return to;
}

/* The run that copies. */
ER_SHARED void *er_copy_run(const int8_t *from, int32_t count, int32_t zero, void *to)
{
    int8_t *bytes = to, *end = bytes + count;
    if (from == NULL) {
        while (bytes != end) {
            *bytes++ = (int8_t)zero;
        }
        return end;
    }
#if defined(__ARM_FEATURE_UNALIGNED)
    if (count >= 4) {
        for (; bytes < end - 4; bytes += 4, from += 4) {
            __builtin_memcpy(bytes, from, 4);
        }
        __builtin_memcpy(end - 4, from + (end - 4 - bytes), 4);
        return end;
    }
#endif
    if ((((uintptr_t)bytes | (uintptr_t)from) & 3u) == 0) {
        for (; end - bytes >= 4; bytes += 4, from += 4) {
            *(uint32_t *)(void *)bytes = *(const uint32_t *)(const void *)from;
        }
    }
    while (bytes != end) {
        *bytes++ = *from++;
    }
    return end;
}

/* Copies the elements below the kernel, `zero` standing outside the image. */
static inline void er_patch(const er_window *w, const int8_t *input, int32_t row, int32_t column,
                            int32_t zero, int8_t *to)
{
    er_patch_runs(w, input, row, column, zero, er_copy_run, to);
}

/* The same of one group of channels: of each pixel, which has in_c bytes, those from `first` on. */
static inline void er_patch_group(const er_window *w, const int8_t *input, int32_t row,
                                  int32_t column, int32_t first, int32_t count, int32_t zero,
                                  void *to)
{
    if (count == w->in_c) {
        er_patch(w, input, row, column, zero, to);
        return;
    }
    int32_t y = row * w->stride_h - w->pad_top;
    for (int32_t i = 0; i < w->kernel_h; i++, y += w->dilation_h) {
        int32_t x = column * w->stride_w - w->pad_left;
        for (int32_t j = 0; j < w->kernel_w; j++, x += w->dilation_w) {
            const int inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
            const int8_t *pixel = inside ? input + (y * w->in_w + x) * w->in_c + first : NULL;
            to = er_copy_run(pixel, count, zero, to);
        }
    }
}

#endif
