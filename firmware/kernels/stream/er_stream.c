/* SPDX-License-Identifier: Apache-2.0 */
#include "er_stream.h"

#include <stddef.h>

#include "er_attributes.h"

static inline uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The first input row that output rows from `row` on read. */
static inline uint32_t first_read(const er_stream_node *node, uint32_t row)
{
    const uint32_t top = row * node->stride;
    return top > node->pad ? top - node->pad : 0;
}

/* The input rows, of `rows`, that must be there before output rows up to `end` can be made. */
static inline uint32_t needed_for(const er_stream_node *node, uint32_t end, uint32_t rows)
{
    const uint32_t reach = (end - 1) * node->stride + (node->kernel - 1u) * node->dilation + 1u;
    return reach > node->pad ? least(reach - node->pad, rows) : 0;
}

/* The first row of a node's output that some node still has to read. */
ER_SMALL uint32_t still_needed(const er_stream *s, uint32_t tensor)
{
    uint32_t found = s->tensors[tensor].rows;
    for (uint32_t i = s->tensors[tensor].first_reader; i <= s->tensors[tensor].last_reader; i++) {
        const er_stream_node *node = &s->nodes[i];
        for (uint32_t k = 0; k < ER_STREAM_READS; k++) {
            if (node->reads[k] == tensor && s->state[i].done < s->tensors[node->writes].rows) {
                found = least(found, first_read(node, s->state[i].done));
            }
        }
    }
    return found;
}

/* Whole words: rows and their memory are multiples of four bytes. `to` lies before `from`. */
ER_NEVER_INLINE void move_rows(uint32_t *to, const uint32_t *from, uint32_t bytes)
{
    uint32_t words = bytes / 4;
    ER_ROLLED_ALWAYS
    for (; words >= 8; words -= 8, to += 8, from += 8) {
        const uint32_t a = from[0], b = from[1], c = from[2], d = from[3];
        const uint32_t e = from[4], f = from[5], g = from[6], h = from[7];
        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = d;
        to[4] = e;
        to[5] = f;
        to[6] = g;
        to[7] = h;
    }
    ER_ROLLED_ALWAYS
    for (; words > 0; words--) {
        *to++ = *from++;
    }
}

/* Where rows from `before` on go, up to `end`, excluded; room is made for them. */
ER_SMALL uint8_t *room_for(const er_stream *s, uint32_t tensor, uint32_t before, uint32_t end)
{
    const er_stream_tensor *t = &s->tensors[tensor];
    er_stream_state *state = &s->state[t->maker];
    if (end - state->first > t->room) {
        const uint32_t first = least(still_needed(s, tensor), before);
        move_rows((uint32_t *)(void *)t->data,
                  (const uint32_t *)(const void *)(t->data + (first - state->first) * t->row_bytes),
                  (before - first) * t->row_bytes);
        state->first = (uint16_t)first;
    }
    return t->data + (before - state->first) * t->row_bytes;
}

static uint32_t next_end(const er_stream *s, uint32_t index)
{
    return least(s->state[index].done + s->step, s->tensors[s->nodes[index].writes].rows);
}

/* The node that has to make rows before this one can; ER_STREAM_NONE if there is none. */
ER_SMALL uint32_t lacking(const er_stream *s, uint32_t index, uint32_t end)
{
    const er_stream_node *node = &s->nodes[index];
    for (uint32_t k = 0; k < ER_STREAM_READS && node->reads[k] != ER_STREAM_NONE; k++) {
        const er_stream_tensor *t = &s->tensors[node->reads[k]];
        if (t->maker != ER_STREAM_NONE &&
            s->state[t->maker].done < needed_for(node, end, t->rows)) {
            return t->maker;
        }
    }
    return ER_STREAM_NONE;
}

ER_SMALL void make_rows(const er_stream *s, uint32_t index, uint32_t end)
{
    const er_stream_node *node = &s->nodes[index];
    const uint32_t before = s->state[index].done, first = first_read(node, before);
    const uint32_t above = before * node->stride;
    const void *read[ER_STREAM_READS] = {NULL, NULL};
    er_rows rows = {.out_h = (uint16_t)(end - before),
                    .pad_top = (uint16_t)(above < node->pad ? node->pad - above : 0)};
    for (uint32_t k = 0; k < ER_STREAM_READS && node->reads[k] != ER_STREAM_NONE; k++) {
        const er_stream_tensor *t = &s->tensors[node->reads[k]];
        const uint32_t held = t->maker == ER_STREAM_NONE ? 0 : s->state[t->maker].first;
        read[k] = t->data + (first - held) * t->row_bytes;
        rows.in_h = (uint16_t)(needed_for(node, end, t->rows) - first);
    }
    node->layer(&rows, read, room_for(s, node->writes, before, end));
    s->state[index].done = (uint16_t)end;
}

/* Makes the rows of a node up to its last, and what they need, or as many as there are rows fed. */
ER_SMALL void finish(const er_stream *s, uint32_t sink)
{
    uint32_t index = sink;
    while (s->state[sink].done < s->tensors[s->nodes[sink].writes].rows) {
        const uint32_t end = next_end(s, index);
        const uint32_t maker = lacking(s, index, end);
        if (maker != ER_STREAM_NONE) {
            if (s->nodes[maker].layer == NULL) {
                return;
            }
            s->state[maker].asker = (uint16_t)index;
            index = maker;
            continue;
        }
        make_rows(s, index, end);
        index = index == sink ? sink : s->state[index].asker;
    }
}

ER_SMALL void finish_all(const er_stream *s)
{
    for (uint32_t i = s->count; i-- > 0;) {
        if (s->tensors[s->nodes[i].writes].whole) {
            finish(s, i);
        }
    }
}

void er_stream_start(const er_stream *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        s->state[i] = (er_stream_state){0, 0, 0};
    }
}

void er_stream_run(const er_stream *s)
{
    er_stream_start(s);
    finish_all(s);
}

void *er_stream_slot(const er_stream *s)
{
    if (s->state[0].done == s->tensors[s->nodes[0].writes].rows) {
        er_stream_start(s); /* the image before is done with */
    }
    const uint32_t done = s->state[0].done;
    return room_for(s, s->nodes[0].writes, done, done + 1);
}

uint32_t er_stream_feed(const er_stream *s)
{
    s->state[0].done++;
    finish_all(s);
    return s->state[0].done;
}
