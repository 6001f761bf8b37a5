/* SPDX-License-Identifier: Apache-2.0
 *
 * Cycles and checksums of layers, in a profiling build: MODEL_PROFILE is then defined for model.c
 * and for the runtime, not for the kernels, which are the shipped image's, object for object.
 *
 * A layer that runs row by row begins and ends once for each call that makes rows; its cycles add
 * up over them, and what schedules the rows is no layer's.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdint.h>

/* What a run gathers. */
enum { PROFILE_NOTHING, PROFILE_TOTAL, PROFILE_LAYERS, PROFILE_CHECKSUMS };

/* Chooses it for the runs to come. False where nothing counts cycles. */
_Bool profile_start(uint32_t what);

/* Forgets what was gathered. */
void profile_clear(void);

/* A figure for each layer: its cycles, or the CRC-32 of its outputs, one after the other. The one
 * behind the last layer's is the whole inference's cycles. */
uint64_t profile_figure(uint32_t index);

void profile_run_begin(void);
void profile_run_end(void);

/* From the layer's function. `profile_layer_made` names the bytes that it has made, in their order. */
void profile_layer_begin(void);
void profile_layer_end(uint32_t index);
void profile_layer_made(uint32_t index, const void *data, uint32_t bytes);

#define MODEL_LAYER_BEGIN(index) profile_layer_begin()
#define MODEL_LAYER_END(index) profile_layer_end(index)
#define MODEL_LAYER_MADE(index, data, bytes) profile_layer_made(index, data, bytes)

#endif
