/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs an exported model on every inference's inputs from standard input, outputs to standard
 * output; built with the sanitizers of the host's compiler. */
#include <stdio.h>

#include "model.h"

int main(void)
{
    model_reset();
    for (;;) {
        for (uint32_t i = 0; i < MODEL_INPUTS; i++) {
            const size_t size = model_input_bytes(i);
            if (fread(model_input(i), 1, size, stdin) != size) {
                return feof(stdin) && i == 0 ? 0 : 1;
            }
        }
        model_invoke();
        for (uint32_t i = 0; i < MODEL_OUTPUTS; i++) {
            if (fwrite(model_output(i), 1, model_output_bytes(i), stdout) == 0) {
                return 1;
            }
        }
    }
}
