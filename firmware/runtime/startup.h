/* SPDX-License-Identifier: Apache-2.0
 *
 * What every start-up does once there is a stack. The names with two underscores are the linker
 * script's.
 */
#ifndef STARTUP_H
#define STARTUP_H

#include <stdint.h>

#include "port.h"

extern uint32_t __stack_limit[], __stack_top[];
extern uint32_t __data_start[], __data_end[];
extern const uint32_t __data_load[];
extern uint32_t *const __zero_table[], *const __zero_table_end[]; /* start and end of each piece */

int main(void);

__attribute__((weak)) void port_power_memories(void) {}

static inline void startup_fill_memory(void)
{
    port_power_memories();
    const uint32_t *from = __data_load;
    for (uint32_t *to = __data_start; to < __data_end; ++to) {
        *to = *from++;
    }
    for (uint32_t *const *piece = __zero_table; piece < __zero_table_end; piece += 2) {
        for (uint32_t *to = piece[0]; to < piece[1]; ++to) {
            *to = 0;
        }
    }
}

#endif
