/* SPDX-License-Identifier: Apache-2.0
 *
 * What model.h says by macros, as functions, for those who load the model as a library.
 */
#include "host.h"

#include "model.h"

uint32_t host_inputs(void) { return MODEL_INPUTS; }

uint32_t host_outputs(void) { return MODEL_OUTPUTS; }
