/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of one float, applied to each element.
 */
#ifndef ER_MAP_H
#define ER_MAP_H

#include "er_kernels.h"
#include "er_math.h"

/* Defines the kernel `name`; `value` is an expression of x and of the parameters p. */
#define ER_MAP_F32(name, value)                                                                   \
    void name(const er_map_f32 *p, const float *input, float *output, void *scratch)              \
    {                                                                                             \
        (void)scratch;                                                                            \
        for (uint32_t i = 0; i < p->elements; i++) {                                              \
            const float x = input[i];                                                             \
            output[i] = value;                                                                    \
        }                                                                                         \
    }

#endif
