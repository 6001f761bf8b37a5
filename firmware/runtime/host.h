/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_H
#define HOST_H

#include <stdint.h>

uint32_t host_inputs(void);
uint32_t host_outputs(void);

#endif
