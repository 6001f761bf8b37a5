/* SPDX-License-Identifier: Apache-2.0 */
#include "er_positions.h"

static uint32_t position(const er_position *p, const float *line)
{
    float best = line[0];
    uint32_t found = 0;
    for (uint32_t i = 1; i < p->depth; i++) {
        const float value = line[i * p->inner];
        const int ahead = p->smallest ? value < best : value > best;
        if (ahead || (p->last && value == best)) {
            best = value;
            found = i;
        }
    }
    return found;
}

void er_position_f32_ref(const er_position *p, const float *input, void *output, void *scratch)
{
    uint32_t *at = output;
    (void)scratch;
    for (uint32_t i = 0; i < p->outer; i++) {
        for (uint32_t j = 0; j < p->inner; j++) {
            const float *line = input + i * p->depth * p->inner + j;
            at = er_write_index(at, position(p, line), p->words);
        }
    }
}
