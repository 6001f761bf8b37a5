/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_H
#define HOST_H

#include <stdint.h>

uint32_t host_inputs(void);
uint32_t host_outputs(void);

/* Runs `samples` inferences. Each array holds all samples of an input or output, one behind the
 * other. Where the model takes its input by rows, a sample is `calls` of them; else `calls` is 1. */
void host_run(const uint8_t *const *inputs, uint8_t *const *outputs, uint64_t samples, uint32_t calls);

#endif
