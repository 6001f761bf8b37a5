/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the matrices of a batch start.
 */
#ifndef ER_MATRIX_H
#define ER_MATRIX_H

#include "er_kernels.h"

/* How many outputs there are in all. */
static inline uint32_t er_products(const er_matrices *m)
{
    return m->batch[0] * m->batch[1] * m->rows * m->out;
}

/* What one output is the product of: a row of `a` and a column of `b`, by their first elements. */
typedef struct {
    uint32_t a, b, column;
} er_product;

/* The product of output number `index`. */
static inline er_product er_product_of(const er_matrices *m, uint32_t index)
{
    const uint32_t column = index % m->out, rest = index / m->out;
    const uint32_t row = rest % m->rows, matrix = rest / m->rows;
    const uint32_t outer = matrix / m->batch[1], inner = matrix % m->batch[1];
    const er_product product = {
        outer * m->batch_a[0] + inner * m->batch_a[1] + row * m->a_row,
        outer * m->batch_b[0] + inner * m->batch_b[1] + column * m->b_column,
        column,
    };
    return product;
}

#endif
