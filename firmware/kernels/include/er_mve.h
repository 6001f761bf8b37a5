/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernels for MVE (Helium) share: from sums to outputs, four channels a vector.
 */
#ifndef ER_MVE_H
#define ER_MVE_H

#include <arm_mve.h>
#include <stdint.h>

#include "er_attributes.h"
#include "er_fixed.h"
#include "er_patch.h"

enum {
    ER_BLOCK = 16,   /* elements of a vector of int8 */
    ER_PIXELS = 3,   /* most pixels whose sums are made together */
    ER_CHANNELS = 16, /* and channels */
    ER_STRIP_BYTES = 2048
};

/* How the factors of a layer are applied. */
typedef enum {
    ER_TWICE, /* all are less than 1, and rounded twice */
    ER_ONE,   /* all are less than 1, and rounded once */
    ER_ANY
} er_how;

/* What becomes of sums. */
typedef struct {
    const int32_t *bias, *mantissa;
    const int8_t *shift;
    int32_t step; /* from the mantissas and shifts of four outputs to those of the next four */
    int32_t zero, low, high;
    er_how how;
} er_outputs;

/* The way that serves all of `count` factors. */
ER_SHARED er_how er_how_of(const int8_t *shift, uint32_t count)
{
    int32_t twice = -1, one = ER_ROUNDS_ONCE ? -1 : 0;
    ER_ROLLED_ALWAYS
    for (uint32_t i = 0; i < count; i++) {
        const int32_t once = er_rounds_once(shift[i]);
        twice &= once ? 0 : shift[i];
        one &= once ? shift[i] + ER_ONCE : 0;
    }
    return twice < 0 ? ER_TWICE : one < 0 ? ER_ONE : ER_ANY;
}

/* Four sums times their factors. gemmlowp's doubling high multiply is VQRDMULH. Its shift rounds
 * halves away from zero, VRSHL upwards: taking 1 from negative numbers first makes up for it.
 * Rounded once, what is cut off below the upper half makes no difference to the shift. */
ER_ALWAYS_INLINE int32x4_t er_scaled(int32x4_t sums, int32x4_t mantissa, int32x4_t shift, int once)
{
    if (once) {
        return vrshlq_s32(vqdmulhq_s32(sums, mantissa), shift);
    }
    const int32x4_t high = vqrdmulhq_s32(sums, mantissa);
    return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), shift);
}

/* Of `pixels` pixels, whose sums of ER_CHANNELS channels lie one behind the other, the outputs of
 * `count` channels; pixels of outputs are `pitch` apart. */
ER_ALWAYS_INLINE void er_put_quickly(const er_outputs *o, const int32_t *sums, int32_t count,
                                     int32_t pixels, int once, int32_t pitch, int8_t *to)
{
    const int32_t *bias = o->bias, *mantissas = o->mantissa;
    const int8_t *shifts = o->shift;
    const int32_t zero = o->zero, step = o->step;
    const int32x4_t low = vdupq_n_s32(o->low), high = vdupq_n_s32(o->high);
    int8_t *second = to + pitch, *third = second + pitch;
    for (; count > 0; count -= 4) {
        const mve_pred16_t some = vctp32q((uint32_t)count);
        const int32x4_t first = vldrwq_z_s32(bias, some);
        const int32x4_t mantissa = vldrwq_z_s32(mantissas, some);
        int32x4_t shift = vldrbq_z_s32(shifts, some);
        if (once) {
            shift = vaddq_n_s32(shift, ER_ONCE);
        }
#define ER_PUT(number, place)                                                                      \
    {                                                                                              \
        const int32x4_t sum = vldrwq_z_s32(sums + (number) * ER_CHANNELS, some);                   \
        const int32x4_t scaled = er_scaled(vaddq_s32(sum, first), mantissa, shift, once);          \
        const int32x4_t raised = vmaxq_s32(vaddq_n_s32(scaled, zero), low);                        \
        vstrbq_p_s32(place, vminq_s32(raised, high), some);                                        \
        (place) += 4;                                                                              \
    }
        ER_PUT(0, to)
        if (pixels > 1) {
            ER_PUT(1, second)
        }
        if (pixels > 2) {
            ER_PUT(2, third)
        }
#undef ER_PUT
        sums += 4;
        bias += 4;
        mantissas += step;
        shifts += step;
    }
}

/* The same one by one, for any factors. */
ER_SHARED void er_put_slowly(const er_outputs *o, const int32_t *sums, int32_t count, int8_t *to)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t at = o->step == 0 ? i % 4 : i;
        const int32_t sum = er_wrapping_add(sums[i], o->bias[i]);
        const int32_t scaled = er_multiply(sum, o->mantissa[at], o->shift[at]);
        to[i] = er_offset_and_clamp(scaled, o->zero, o->low, o->high);
    }
}

/* The outputs of `count` channels, at most ER_CHANNELS, of `pixels` pixels, a constant. */
ER_ALWAYS_INLINE void er_put(const er_outputs *o, const int32_t *sums, int32_t count,
                             int32_t pixels, int32_t pitch, int8_t *to)
{
    if (o->how == ER_TWICE) {
        er_put_quickly(o, sums, count, pixels, 0, pitch, to);
        return;
    }
    for (int32_t i = 0; i < pixels; i++, sums += ER_CHANNELS, to += pitch) {
        if (ER_ROUNDS_ONCE && o->how == ER_ONE) {
            er_put_quickly(o, sums, count, 1, 1, pitch, to);
        } else {
            er_put_slowly(o, sums, count, to);
        }
    }
}

/* What follows for the outputs `count` further on. */
static inline er_outputs er_outputs_after(er_outputs o, int32_t count)
{
    const int32_t factors = o.step == 0 ? 0 : count;
    o.bias += count;
    o.mantissa += factors;
    o.shift += factors;
    return o;
}

/* Copies or, from NULL, fills with `zero`; writes no more than `count` bytes. */
static inline void er_vector_run(const int8_t *from, int32_t count, int32_t zero, int8_t *to)
{
    for (; count > 0; count -= ER_BLOCK, to += ER_BLOCK) {
        const mve_pred16_t some = vctp8q((uint32_t)count);
        int8x16_t values = vdupq_n_s8((int8_t)zero);
        if (from != 0) {
            values = vldrbq_z_s8(from, some);
            from += ER_BLOCK;
        }
        vstrbq_p_s8(to, values, some);
    }
}

/* How many pixels of a row a strip of columns serves: in threes as many as fit, or all. */
static inline int32_t er_pixels_of_strip(const er_window *w, int32_t column_bytes)
{
    const int32_t reach = (w->kernel_w - 1) * w->dilation_w + 1;
    const int32_t more = ER_STRIP_BYTES / column_bytes - reach;
    const int32_t fit = more < 0 ? 0 : more / w->stride_w + 1;
    return er_least(w->out_w, er_most(fit - fit % ER_PIXELS, ER_PIXELS));
}

#endif
