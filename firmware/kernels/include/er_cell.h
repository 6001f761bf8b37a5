/* SPDX-License-Identifier: Apache-2.0
 *
 * The cell of the integer LSTM: gates and cell are int16, as TensorFlow Lite Micro has them.
 */
#ifndef ER_CELL_H
#define ER_CELL_H

#include "er_fixed.h"
#include "er_kernels.h"
#include "er_sigmoid.h"
#include "er_stored.h"

typedef struct {
    er_multiplier forget, update, output;
    int32_t power, clip;
} er_cell;

static inline int32_t er_scaled_product(int32_t a, int32_t b, er_multiplier factor)
{
    return er_multiply(a * b, factor.mantissa, factor.shift);
}

/* Three times the cell as Q3.12. */
static inline int32_t er_cell_argument(int32_t cell, int32_t power)
{
    const int32_t left = 12 + power;
    return left >= 0 ? er_shift_left(3, left) * cell : (3 * cell + (1 << (-left - 1))) >> -left;
}

/* Renews the cell from the four gates of one unit, `size` apart, which are Q3.12; the hidden state
 * less its zero point. */
static inline int32_t er_cell_step(const er_cell *p, const int16_t *gates, uint32_t size,
                                   int16_t *cell)
{
    const int32_t into = er_sigmoid16(3 * gates[0]), out = er_sigmoid16(3 * gates[size]);
    const int32_t forget = er_sigmoid16(3 * gates[2 * size]);
    const int32_t fresh = er_tanh16(3 * gates[3 * size]);
    const int32_t kept = er_saturate(er_scaled_product(forget, *cell, p->forget), 1);
    const int32_t added = er_saturate(er_scaled_product(into, fresh, p->update), 1);
    int32_t value = er_saturate(kept + added, 1);
    if (p->clip) {
        value = er_clamp(value, -p->clip, p->clip);
    }
    *cell = (int16_t)value;
    return er_scaled_product(er_tanh16(er_cell_argument(value, p->power)), out, p->output);
}

#endif
