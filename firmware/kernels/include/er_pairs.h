/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on the elements of two tensors that are broadcast.
 */
#ifndef ER_PAIRS_H
#define ER_PAIRS_H

#include "er_kernels.h"

/* Defines the kernel `name`; `value` is an expression of x from `a`, y from `b`, and of the
 * parameters p. Each element is read before it is written, so that the output may go over an
 * operand of its size. */
#define ER_PAIRS(name, params, type_a, type_b, type_out, value)                                   \
    void name(const params *p, const type_a *a, const type_b *b, type_out *output, void *scratch) \
    {                                                                                             \
        const uint32_t *n = p->pairs.shape;                                                       \
        const uint32_t *step_a = p->pairs.stride_a, *step_b = p->pairs.stride_b;                  \
        (void)scratch;                                                                            \
        for (uint32_t i = 0; i < n[0]; i++) {                                                     \
            for (uint32_t j = 0; j < n[1]; j++) {                                                 \
                for (uint32_t k = 0; k < n[2]; k++) {                                             \
                    const type_a *from_a = a + i * step_a[0] + j * step_a[1] + k * step_a[2];     \
                    const type_b *from_b = b + i * step_b[0] + j * step_b[1] + k * step_b[2];     \
                    for (uint32_t m = n[3]; m > 0; m--) {                                         \
                        const type_a x = *from_a;                                                 \
                        const type_b y = *from_b;                                                 \
                        *output++ = value;                                                        \
                        from_a += step_a[3];                                                      \
                        from_b += step_b[3];                                                      \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }

/* A fused activation. */
static inline float er_limit(const er_pairs_f32 *p, float value)
{
    return value < p->act_min ? p->act_min : value > p->act_max ? p->act_max : value;
}

/* Whether one of the relations holds: see er_compare. */
static inline uint8_t er_holds(uint32_t relations, int is_less, int is_equal, int is_greater)
{
    const uint32_t held = is_less ? 1 : is_equal ? 2 : is_greater ? 4 : 8;
    return (relations & held) != 0;
}

#endif
