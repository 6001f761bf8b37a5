/* SPDX-License-Identifier: Apache-2.0 */
#include "er_copy.h"
#include "er_kernels.h"

/* Index i, those beyond 32 bits as the nearest that are not. */
static int32_t index_at(const void *indices, uint32_t i, uint32_t bytes)
{
    const int32_t *words = indices;
    if (bytes == 1) {
        return ((const int8_t *)indices)[i];
    }
    if (bytes == 2) {
        return ((const int16_t *)indices)[i];
    }
    if (bytes == 4) {
        return words[i];
    }
    const int32_t low = words[2 * i], high = words[2 * i + 1];
    return high == low >> 31 ? low : high < 0 ? INT32_MIN : INT32_MAX;
}

static int32_t slice(int32_t index, int32_t size)
{
    if (index < 0) {
        index += size;
    }
    return index < 0 ? 0 : index >= size ? size - 1 : index;
}

void er_gather_x8_ref(const er_gather *p, const void *input, const void *indices, void *output,
                      void *scratch)
{
    const uint8_t *table = input;
    uint8_t *to = output;
    (void)scratch;
    for (uint32_t outer = 0; outer < p->outer; outer++, table += p->size * p->bytes) {
        for (uint32_t i = 0; i < p->indices; i++, to += p->bytes) {
            const int32_t index = index_at(indices, i, p->index_bytes);
            er_copy_bytes(to, table + (uint32_t)slice(index, (int32_t)p->size) * p->bytes, p->bytes);
        }
    }
}
