/* SPDX-License-Identifier: Apache-2.0 */
#include "er_lstm_floats.h"

void er_lstm_f32_ref(const er_lstm_f32 *p, const float *input, const float *weights,
                     const float *recurrent, const float *bias, const float *first_hidden,
                     const float *first_cell, float *output, float *hidden, float *cell,
                     void *scratch)
{
    const er_lstm_part all = {weights, recurrent, bias, NULL};
    er_lstm_floats(p, input, &all, first_hidden, first_cell, output, hidden, cell, scratch);
}
