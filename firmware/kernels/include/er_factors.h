/* SPDX-License-Identifier: Apache-2.0
 *
 * Factors of channels as edge_runtime/kernels/factors.py packs them: a mantissa and a shift, one word
 * that holds both, or three bytes. The exporter leaves out what no layer has (er_rounding.h).
 */
#ifndef ER_FACTORS_H
#define ER_FACTORS_H

#include <stddef.h>
#include <stdint.h>

#include "er_fixed.h"
#include "er_kernels.h"

/* The least shift to the right of a line, to which the last bits of the bias are added. */
#define ER_LINE_SHIFT 8

/* The 24 bits behind the mantissa's leading one: those of channel `i`, after the byte at `packed`. */
static inline int32_t er_line_mantissa(const int8_t *packed, int32_t i)
{
#if defined(__ARM_FEATURE_UNALIGNED)
    uint32_t word;
    __builtin_memcpy(&word, packed + 3 * i, 4);
    return (int32_t)(1u << 24 | word >> 8);
#else
    const uint8_t *bytes = (const uint8_t *)packed + 3 * i;
    return (int32_t)(1u << 24 | (uint32_t)bytes[3] << 16 | (uint32_t)bytes[2] << 8 | bytes[1]);
#endif
}

/* What the sum of channel `i` becomes on its line. The first byte says how many bits a sum has behind
 * its point; the bias has as many, which are an offset, and in the last four of them the shift. */
static inline int32_t er_scale_on_line(uint32_t sum, int32_t bias, const int8_t *packed, int32_t i)
{
    const uint32_t offset = (uint32_t)bias;
    const int32_t wide = (int32_t)(((sum - offset) << packed[0]) + offset);
    return er_high(wide, er_line_mantissa(packed, i)) >> (ER_LINE_SHIFT + (bias & 15));
}

/* er_multiply by a word: the 27 bits behind the mantissa's leading one, and in the last five the shift
 * to the right. */
static inline int32_t er_multiply_by_word(int32_t a, uint32_t word)
{
    return er_multiply(a, (int32_t)(1u << 30 | (word & ~31u) >> 2), -(int32_t)(word & 31));
}

/* The scaled `sum` of channel `i`, in which its bias is. Three bytes are in place of the shifts, where
 * there are no mantissas; words in place of the mantissas, where there are no shifts. */
static inline int32_t er_scale(const er_conv_s8 *p, uint32_t sum, int32_t i)
{
    const int others = ER_FACTOR_WORDS || ER_FACTOR_PAIRS;
    if (ER_FACTOR_BYTES && (!others || p->mantissa == NULL)) {
        return er_scale_on_line(sum, p->bias[i], p->shift, i);
    }
    if (ER_FACTOR_WORDS && (!ER_FACTOR_PAIRS || p->shift == NULL)) {
        return er_multiply_by_word((int32_t)sum, (uint32_t)p->mantissa[i]);
    }
    return er_multiply((int32_t)sum, p->mantissa[i], p->shift[i]);
}

#endif
