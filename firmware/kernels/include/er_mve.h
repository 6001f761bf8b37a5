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
    ER_BLOCK = 16,    /* elements of a vector of int8 */
    ER_PIXELS = 3,    /* most pixels whose sums are made together */
    ER_CHANNELS = 32, /* and channels */
    ER_STRIP_BYTES = 2048
};

/* How the factors of a layer are applied. */
typedef enum {
    ER_POSITIVE, /* all are less than 1, rounded twice, and what they make of negative sums is cut */
    ER_TWICE,    /* all are less than 1, and rounded twice */
    ER_ONE,      /* all are less than 1, and rounded once */
    ER_ANY
} er_how;

/* What becomes of sums. Biases, mantissas and shifts go on to a multiple of four. */
typedef struct {
    const int32_t *bias, *mantissa;
    const int8_t *shift;
    int32_t each; /* 1: a mantissa and a shift an output; 0: those of the first four serve all */
    int32_t zero, low, high;
    er_how how;
} er_outputs;

/* The way that serves all of `count` factors. */
ER_SHARED er_how er_how_of(const int8_t *shift, int32_t count, int32_t zero, int32_t low)
{
    int32_t least = INT8_MAX, most = INT8_MIN;
    for (; count > 0; count -= ER_BLOCK, shift += ER_BLOCK) {
        const mve_pred16_t some = vctp8q((uint32_t)count);
        const int8x16_t shifts = vldrbq_z_s8(shift, some);
        least = vminvq_p_s8((int8_t)least, shifts, some);
        most = vmaxvq_p_s8((int8_t)most, shifts, some);
    }
    if (most < 0 && !er_rounds_once(least)) {
        return low >= zero ? ER_POSITIVE : ER_TWICE;
    }
    return ER_ROUNDS_ONCE && most < -ER_ONCE ? ER_ONE : ER_ANY;
}

/* Four sums times their factors. gemmlowp's doubling high multiply is VQRDMULH. Its shift rounds
 * halves away from zero, VRSHL upwards: taking 1 from negative numbers first makes up for it.
 * Rounded once, what is cut off below the upper half makes no difference to the shift. */
ER_ALWAYS_INLINE int32x4_t er_scaled(int32x4_t sums, int32x4_t mantissa, int32x4_t shift,
                                     er_how how)
{
    if (how == ER_ONE) {
        return vrshlq_s32(vqdmulhq_s32(sums, mantissa), shift);
    }
    const int32x4_t high = vqrdmulhq_s32(sums, mantissa);
    const int32x4_t nudged = how == ER_POSITIVE ? high : vaddq_s32(high, vshrq_n_s32(high, 31));
    return vrshlq_s32(nudged, shift);
}

/* The parameters of four outputs. */
typedef struct {
    int32x4_t bias, mantissa, shift;
} er_factors;

/* What all outputs share: no store changes it. */
typedef struct {
    int32x4_t low, high;
    int32_t zero;
} er_bounds;

ER_ALWAYS_INLINE int32x4_t er_output(const er_bounds *b, const int32_t *sums, er_factors f,
                                     er_how how)
{
    const int32x4_t sum = vaddq_s32(vldrwq_s32(sums), f.bias);
    const int32x4_t scaled = er_scaled(sum, f.mantissa, f.shift, how);
    return vminq_s32(vmaxq_s32(vaddq_n_s32(scaled, b->zero), b->low), b->high);
}

/* Of `pixels` pixels, whose sums of ER_CHANNELS channels lie one behind the other, the outputs of
 * the `count` channels from `at` on; pixels of outputs are `pitch` apart. `each` is that of the
 * outputs. These and `how` are constants. */
ER_ALWAYS_INLINE void er_put_quickly(const er_outputs *o, int32_t at, int32_t count,
                                     const int32_t *sums, int32_t pixels, int32_t each, er_how how,
                                     int32_t pitch, int8_t *to)
{
    const er_bounds b = {vdupq_n_s32(o->low), vdupq_n_s32(o->high), o->zero};
    const int32_t *bias = o->bias + at, *mantissa = o->mantissa + each * at;
    const int8_t *shift = o->shift + each * at;
    int8_t *second = to + pitch, *third = second + pitch;
    ER_ROLLED_ALWAYS
    for (; count > 0; count -= 4, sums += 4, bias += 4) {
        const int32x4_t marked = vldrbq_s32(shift);
        const er_factors f = {vldrwq_s32(bias), vldrwq_s32(mantissa),
                              how == ER_ONE ? vaddq_n_s32(marked, ER_ONCE) : marked};
        const mve_pred16_t some = vctp32q((uint32_t)count);
        mantissa += 4 * each;
        shift += 4 * each;
        vstrbq_p_s32(to, er_output(&b, sums, f, how), some);
        to += 4;
        if (pixels > 1) {
            vstrbq_p_s32(second, er_output(&b, sums + ER_CHANNELS, f, how), some);
            second += 4;
        }
        if (pixels > 2) {
            vstrbq_p_s32(third, er_output(&b, sums + 2 * ER_CHANNELS, f, how), some);
            third += 4;
        }
    }
}

/* The same one by one, for any factors. */
ER_SHARED void er_put_slowly(const er_outputs *o, int32_t at, int32_t count, const int32_t *sums,
                             int8_t *to)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t factor = o->each ? at + i : i % 4;
        const int32_t sum = er_wrapping_add(sums[i], o->bias[at + i]);
        const int32_t scaled = er_multiply(sum, o->mantissa[factor], o->shift[factor]);
        to[i] = er_offset_and_clamp(scaled, o->zero, o->low, o->high);
    }
}

/* The same for factors that are not all applied twice. */
ER_NEVER_INLINE void er_put_otherwise(const er_outputs *o, int32_t at, int32_t count,
                                      const int32_t *sums, int32_t pixels, int32_t pitch,
                                      int8_t *to)
{
    for (; pixels > 0; pixels--, sums += ER_CHANNELS, to += pitch) {
        if (ER_ROUNDS_ONCE && o->how == ER_ONE && o->each) {
            er_put_quickly(o, at, count, sums, 1, 1, ER_ONE, 0, to);
        } else {
            er_put_slowly(o, at, count, sums, to);
        }
    }
}

/* The same for any factors: at most ER_CHANNELS channels. */
ER_ALWAYS_INLINE void er_put(const er_outputs *o, int32_t at, int32_t count, const int32_t *sums,
                             int32_t pixels, int32_t each, int32_t pitch, int8_t *to)
{
    if (o->how == ER_POSITIVE) {
        er_put_quickly(o, at, count, sums, pixels, each, ER_POSITIVE, pitch, to);
    } else if (o->how == ER_TWICE) {
        er_put_quickly(o, at, count, sums, pixels, each, ER_TWICE, pitch, to);
    } else {
        er_put_otherwise(o, at, count, sums, pixels, pitch, to);
    }
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
