/* SPDX-License-Identifier: Apache-2.0 */
/* Counts how often each block of code runs, per bucket (a layer, or what surrounds them).
 *
 * Everything lives in one flat piece of memory laid out as below, with no pointers in it: the same
 * code counts in the process of the tool (Unicorn) and in a file mapped by two processes (QEMU).
 * counter.py holds the same layout.
 *
 *     er_counter | uint16_t transitions[halfwords] | uint32_t heads[halfwords] | er_block[capacity]
 *
 * `halfwords` is a multiple of 4, so each part stays aligned. */
#ifndef ER_COUNTER_H
#define ER_COUNTER_H

#include <stdint.h>

typedef struct {
    uint32_t address; /* of the first instruction */
    uint32_t size;    /* bytes of code */
    uint32_t bucket;
    uint32_t next; /* 1 + index of another block with this address, or 0 */
    uint64_t executions;
    uint64_t taken; /* times that the next block to run was not the one that follows in memory */
} er_block;

typedef struct {
    uint32_t base;      /* address of the first halfword of code */
    uint32_t halfwords; /* how many the two tables hold */
    uint32_t capacity;  /* of blocks */
    uint32_t used;
    uint32_t bucket; /* where the running code is counted */
    uint32_t last;   /* 1 + index of the block that ran last, or 0 */
    uint32_t pc;     /* start of the block that ran last */
    uint32_t full;   /* nonzero: there were more blocks than `capacity`, the counts are wrong */
    int64_t fuel;    /* bytes of code that may still run before the emulator has to ask */
} er_counter;

static inline uint16_t *er_transitions(er_counter *c) { return (uint16_t *)(c + 1); }

static inline uint32_t *er_heads(er_counter *c)
{
    return (uint32_t *)(er_transitions(c) + c->halfwords);
}

static inline er_block *er_blocks(er_counter *c) { return (er_block *)(er_heads(c) + c->halfwords); }

/* The entry of a block in the current bucket, moved to the front of its chain; 0 when full. */
static inline er_block *er_find(er_counter *c, uint32_t halfword, uint32_t address, uint32_t size)
{
    er_block *blocks = er_blocks(c);
    uint32_t *head = &er_heads(c)[halfword];
    uint32_t *link = head;
    while (*link != 0) {
        er_block *block = &blocks[*link - 1];
        if (block->size == size && block->bucket == c->bucket) {
            uint32_t found = *link;
            *link = block->next;
            block->next = *head;
            *head = found;
            return block;
        }
        link = &block->next;
    }
    if (c->used == c->capacity) {
        c->full = 1;
        return 0;
    }
    er_block *block = &blocks[c->used++];
    *block = (er_block){address, size, c->bucket, *head, 0, 0};
    *head = c->used;
    return block;
}

/* A transition of 0 keeps the bucket; n + 1 enters bucket n. */
static inline void er_count(er_counter *c, uint32_t address, uint32_t size)
{
    uint32_t before = c->last; /* read once: the tool may clear it meanwhile */
    if (before != 0) {
        er_block *last = &er_blocks(c)[before - 1];
        last->taken += address != last->address + last->size;
    }
    c->last = 0;
    c->pc = address;
    uint32_t halfword = (address - c->base) >> 1;
    if (halfword >= c->halfwords) {
        return; /* not code of the image: the emulator will complain */
    }
    uint16_t transition = er_transitions(c)[halfword];
    if (transition != 0) {
        c->bucket = transition - 1u;
    }
    er_block *block = er_find(c, halfword, address, size);
    if (block != 0) {
        block->executions++;
        c->last = (uint32_t)(block - er_blocks(c)) + 1;
    }
}

#endif
