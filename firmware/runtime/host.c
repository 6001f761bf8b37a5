/* SPDX-License-Identifier: Apache-2.0
 *
 * What those need who load the model as a library: what model.h says by macros, and inferences
 * one after the other.
 */
#include "host.h"

#include "model.h"

uint32_t host_inputs(void) { return MODEL_INPUTS; }

uint32_t host_outputs(void) { return MODEL_OUTPUTS; }

static void run_one(const uint8_t *const *inputs, uint8_t *const *outputs, uint64_t sample, uint32_t calls)
{
    for (uint32_t call = 0; call < calls; ++call) {
        for (uint32_t i = 0; i < MODEL_INPUTS; ++i) {
            const uint64_t size = model_input_bytes(i);
            __builtin_memcpy(model_input(i), inputs[i] + (sample * calls + call) * size, size);
        }
        model_invoke();
    }
    for (uint32_t i = 0; i < MODEL_OUTPUTS; ++i) {
        const uint64_t size = model_output_bytes(i);
        __builtin_memcpy(outputs[i] + sample * size, model_output(i), size);
    }
}

void host_run(const uint8_t *const *inputs, uint8_t *const *outputs, uint64_t samples, uint32_t calls)
{
    for (uint64_t sample = 0; sample < samples; ++sample) {
        run_one(inputs, outputs, sample, calls);
    }
}
