/* SPDX-License-Identifier: Apache-2.0
 *
 * What moves elements and computes nothing, for any type: x8 counts in bytes.
 */
#ifndef ER_MOVE_H
#define ER_MOVE_H

#include "er_types.h"

enum { ER_MOST_AXES = 8 };

/* Elements of `size` bytes (1, 2 or 4) from one arrangement to another. `axes` has three numbers an
 * axis, the outermost first: its length, and the steps in bytes along it through the input and
 * through the output. The first element lies `in_start` and `out_start` bytes from the pointers. */
typedef struct {
    const int32_t *axes;
    uint32_t rank;
    uint32_t size;
    int32_t in_start, out_start;
} er_copy;

void er_copy_x8_ref(const er_copy *p, const void *input, void *output, void *scratch);

/* `bytes` of output are filled with `fill`, which repeats every 8 bytes; then the input is copied. */
typedef struct {
    er_copy copy;
    uint32_t bytes;
    uint32_t fill[2];
} er_pad;

void er_pad_x8_ref(const er_pad *p, const void *input, void *output, void *scratch);

/* Blocks of `bytes` from where sums of four offsets say, one of each table; `offsets` holds the
 * tables one behind the other, the outermost first. */
typedef struct {
    const int32_t *offsets;
    uint32_t count[4];
    uint32_t bytes;
} er_take;

void er_take_x8_ref(const er_take *p, const void *input, void *output, void *scratch);

/* For each of `outer` tables of `size` slices of `bytes`, the slices that the indices name. Signed
 * indices of `index_bytes` (1, 2, 4 or 8); negative ones count from the end, and what is outside
 * then is taken for the nearest. */
typedef struct {
    uint32_t outer, size, bytes;
    uint32_t indices, index_bytes;
} er_gather;

void er_gather_x8_ref(const er_gather *p, const void *input, const void *indices, void *output,
                      void *scratch);

/* Tensors side by side: a row of each in turn, `outer` times. `rows` holds the bytes of a row of
 * each of the `count` inputs. An input that lies where it belongs already stays. */
typedef struct {
    const int32_t *rows;
    uint32_t count;
    uint32_t outer;
} er_concat;

void er_concat_x8_ref(const er_concat *p, const void *const *inputs, void *output, void *scratch);

#endif
