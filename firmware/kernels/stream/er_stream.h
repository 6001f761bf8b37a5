/* SPDX-License-Identifier: Apache-2.0
 *
 * Stages: layers that run row by row, so that only a few rows of what lies between them are kept.
 *
 * Each node makes `step` rows at a time, when one that reads it asks for them, after asking in turn
 * for the rows that it reads. edge_runtime/memory/rows.py does the same to find how many rows of
 * each tensor are alive at once; a buffer has room for exactly so many.
 */
#ifndef ER_STREAM_H
#define ER_STREAM_H

#include <stdint.h>

enum { ER_STREAM_READS = 2 };
#define ER_STREAM_NONE 0xFFFFu

/* The part of an image that one call sees: rows of the input, rows to make, padding above. */
typedef struct {
    uint16_t in_h, out_h, pad_top;
} er_rows;

/* Makes rows. The pointers are to the first rows that are read of each operand, and to the first
 * that is written. */
typedef void er_row_layer(const er_rows *rows, const void *const *read, void *write);

/* A tensor as rows; `maker` is the node that makes it here, or ER_STREAM_NONE. All that read it
 * here are among the nodes from the first to the last reader. */
typedef struct {
    uint8_t *data;
    uint32_t row_bytes;
    uint16_t rows, room; /* in the image, and in memory */
    uint16_t maker, first_reader, last_reader;
    uint16_t whole; /* whether it is for others than this stage too */
} er_stream_tensor;

/* A node without a layer stands for the caller, who gives the rows of the model's input: it is the
 * first one, and there is at most one.
 *
 * A node: what it reads (by index, ER_STREAM_NONE at the end) and writes, and its window of rows. */
typedef struct {
    er_row_layer *layer;
    uint16_t reads[ER_STREAM_READS];
    uint16_t writes;
    uint16_t kernel, stride, dilation, pad; /* along the height */
} er_stream_node;

/* What is kept of a node while the stage runs. */
typedef struct {
    uint16_t done;  /* rows made */
    uint16_t first; /* the row that its output's memory begins with */
    uint16_t asker; /* the node that asked it for rows */
} er_stream_state;

typedef struct {
    const er_stream_tensor *tensors;
    const er_stream_node *nodes;
    er_stream_state *state; /* one a node */
    uint16_t count;         /* of nodes, in an order that can be executed */
    uint16_t step;          /* rows at a time */
} er_stream;

/* Runs a stage from its first row to its last. */
void er_stream_run(const er_stream *s);

/* For a stage whose input comes row by row. Before the first row of each image: */
void er_stream_start(const er_stream *s);

/* Where the next row has to be written. */
void *er_stream_slot(const er_stream *s);

/* Takes that row in, and runs as far as that allows; returns how many rows have come. */
uint32_t er_stream_feed(const er_stream *s);

#endif
