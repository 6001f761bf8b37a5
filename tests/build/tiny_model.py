"""A model of two layers, written by hand, as an exported folder; it has state and constants."""

from __future__ import annotations

import json
from pathlib import Path

from edge_runtime.boards import board_names, load_board
from edge_runtime.export.board_support import DEFAULT_STACK_BYTES, board_files

BOARDS = [name for name in board_names() if load_board(name).is_bare]
STATE_BYTES = 4

HEADER = """/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
#define MODEL_INPUTS 1
#define MODEL_OUTPUTS 1
#define MODEL_LAYERS 2
#define MODEL_ARENA_BYTES {arena}
#define MODEL_STATE_BYTES 4
#define MODEL_RAM_BYTES (MODEL_ARENA_BYTES + 4)
void model_reset(void);
void model_invoke(void);
void *model_input(uint32_t index);
uint32_t model_input_bytes(uint32_t index);
const void *model_output(uint32_t index);
uint32_t model_output_bytes(uint32_t index);
const char *model_name(void);
#endif
"""

SOURCE = """/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"
#ifdef MODEL_PROFILE
#include "profile.h"
#else
#define MODEL_LAYER_BEGIN(i)
#define MODEL_LAYER_END(i)
#define MODEL_LAYER_MADE(i, data, bytes)
#endif
static int8_t model_arena[MODEL_ARENA_BYTES] __attribute__((aligned(8)));
static uint32_t model_state[1];
static const int8_t weights[8] = {1, -1, 2, -2, 3, -3, 4, -4};
static const uint8_t table[FLASH_BYTES] = {[FLASH_BYTES - 1] = 1};

/* Adds the number of calls since the last reset. */
static __attribute__((noinline)) void model_layer_0(void)
{
    MODEL_LAYER_BEGIN(0);
    for (uint32_t i = 0; i < 8; ++i) {
        model_arena[8 + i] = (int8_t)(model_arena[i] + (int8_t)model_state[0]);
    }
    /* The last entry is never read, which no compiler can know. */
    uint32_t index = (uint8_t)model_arena[8] & 0x80u ? 0 : model_state[0] % (sizeof table - 1);
    model_state[0] += 1u + table[index];
    MODEL_LAYER_END(0);
    MODEL_LAYER_MADE(0, model_arena + 8, 8);
}

/* Scales by weights, in floating point and by way of a 64-bit division. */
static __attribute__((noinline)) void model_layer_1(void)
{
    MODEL_LAYER_BEGIN(1);
    volatile uint8_t stack[STACK_BYTES];
    for (uint32_t i = 0; i < sizeof stack; ++i) {
        stack[i] = 1;
    }
    for (uint32_t i = 0; i < 8; ++i) {
        float scaled = (float)model_arena[8 + i] * (float)weights[i];
        int64_t halved = (int64_t)scaled * 6 / (model_arena[8 + i] == 0 ? 7 : 12);
        model_arena[i] = (int8_t)halved;
    }
    MODEL_LAYER_END(1);
    MODEL_LAYER_MADE(1, model_arena, 8);
}

void model_reset(void) { model_state[0] = 0; }
void model_invoke(void)
{
    model_layer_0();
    model_layer_1();
}
void *model_input(uint32_t index) { (void)index; return model_arena; }
uint32_t model_input_bytes(uint32_t index) { (void)index; return 8; }
const void *model_output(uint32_t index) { (void)index; return model_arena; }
uint32_t model_output_bytes(uint32_t index) { (void)index; return 8; }
const char *model_name(void) { return "tiny"; }
"""

WEIGHTS = (1, -1, 2, -2, 3, -3, 4, -4)


def expected(values: bytes, call: int) -> bytes:
    """What the model gives for `values` in call number `call`, from 0, after a reset."""
    shifted = [int.from_bytes([value], signed=True) + call for value in values]
    scaled = [int(value * weight * 6 / 12) for value, weight in zip(shifted, WEIGHTS, strict=True)]
    return bytes(value & 0xFF for value in scaled)


def write_tiny_model(
    folder: Path,
    board: str,
    *,
    arena: int = 16,
    flash: int = 16,
    stack_used: int = 64,
    stack: int = DEFAULT_STACK_BYTES,
    source: str = SOURCE,
) -> Path:
    """Write the exported folder for `board`; arena, constants and stack of the sizes given."""
    source = source.replace("FLASH_BYTES", str(flash)).replace("STACK_BYTES", str(stack_used))
    files = {f"board/{name}": text for name, text in board_files(load_board(board), stack).items()}
    files["model/model.h"] = HEADER.replace("{arena}", str(arena))
    files["model/model.c"] = source
    files["firmware.json"] = json.dumps({"board": board})
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
