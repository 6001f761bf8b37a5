/* SPDX-License-Identifier: Apache-2.0 */
#include "er_attributes.h"
#include "er_dsp.h"
#include "er_kernels.h"

/* Two outputs plus 128 as a pair: the upper halves of two sums, saturated to bytes. Operands come
 * as pairs of 256 times their elements. */
static inline er_pair two(const er_affine_s8 *p, er_pair a, er_pair b)
{
    const int32_t low = __smlawb(p->slope_a, (int32_t)a, p->offset);
    const int32_t high = __smlawt(p->slope_a, (int32_t)a, p->offset);
    const uint32_t first = (uint32_t)__smlawb(p->slope_b, (int32_t)b, low);
    const uint32_t second = (uint32_t)__smlawt(p->slope_b, (int32_t)b, high);
    return (er_pair)__usat16((int16x2_t)((second & 0xffff0000u) | first >> 16), 8);
}

/* Four outputs: a mask leaves each byte alone in the upper half of its element's pair. Saturated to
 * bytes without a sign, those of two pairs need no mask. */
static inline uint32_t four(const er_affine_s8 *p, uint32_t a, uint32_t b)
{
    const uint32_t upper = 0xff00ff00u;
    const er_pair even = two(p, a << 8 & upper, b << 8 & upper);
    const er_pair odd = two(p, a & upper, b & upper);
    return (even | odd << 8) ^ 0x80808080u;
}

/* The next four int8. */
static inline uint32_t next(const int8_t **from)
{
    const uint32_t word = er_load(*from);
    *from += 4;
    ER_STEPPED(*from);
    return word;
}

/* `count` times eight outputs of which none has to be clamped. */
ER_NEVER_INLINE void eights(const er_affine_s8 *p, uint32_t count, const int8_t *a, const int8_t *b,
                            int8_t *output)
{
    const er_affine_s8 f = *p;
    ER_ROLLED_ALWAYS
    for (; count > 0; count--) {
        for (uint32_t i = 0; i < 2; i++) {
            const uint32_t x = next(&a), y = next(&b);
            er_store(output, four(&f, x, y));
            output += 4;
            ER_STEPPED(output);
        }
    }
}

/* `count` times four outputs, clamped. */
ER_NEVER_INLINE void fours(const er_affine_s8 *p, uint32_t count, const int8_t *a, const int8_t *b,
                           int8_t *output)
{
    const er_affine_s8 f = *p;
    const uint32_t low = (uint8_t)f.act_min * 0x01010101u;
    const uint32_t high = (uint8_t)f.act_max * 0x01010101u;
    ER_ROLLED_ALWAYS
    for (; count > 0; count--, output += 4) {
        const uint32_t x = next(&a), y = next(&b);
        er_store(output, er_clamp_four(four(&f, x, y), low, high));
    }
}

void er_affine_s8_dsp(const er_affine_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                      void *scratch)
{
    const uint32_t count = p->elements, whole = count & ~3u;
    const int is_partial = p->act_min > INT8_MIN || p->act_max < INT8_MAX;
    const uint32_t quick = is_partial ? 0 : count & ~7u;
    (void)scratch;
    eights(p, quick / 8, a, b, output);
    fours(p, (whole - quick) / 4, a + quick, b + quick, output + quick);
    ER_ROLLED_ALWAYS
    for (uint32_t i = whole; i < count; i++) {
        const int32_t sum = __smlawb(p->slope_a, a[i] * 256, p->offset);
        const int32_t made = __smlawb(p->slope_b, b[i] * 256, sum) >> 16;
        output[i] = er_offset_and_clamp(made, INT8_MIN, p->act_min, p->act_max);
    }
}
