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

/* Where the parameters of outputs are read, and what all outputs share: no store changes them. */
typedef struct {
    const int32_t *bias, *mantissa;
    const int8_t *shift;
    int32_t step, zero; /* step: to the factors of the next four outputs */
    int32x4_t low, high;
} er_reader;

/* Those of four outputs. */
typedef struct {
    int32x4_t bias, mantissa, shift;
} er_factors;

ER_ALWAYS_INLINE er_factors er_next_factors(er_reader *r, er_how how)
{
    const int32x4_t shift = vldrbq_s32(r->shift);
    const er_factors f = {vldrwq_s32(r->bias), vldrwq_s32(r->mantissa),
                          how == ER_ONE ? vaddq_n_s32(shift, ER_ONCE) : shift};
    r->bias += 4;
    r->mantissa += r->step;
    r->shift += r->step;
    return f;
}

ER_ALWAYS_INLINE int32x4_t er_output(const er_reader *r, const int32_t *sums, er_factors f,
                                     er_how how)
{
    const int32x4_t sum = vaddq_s32(vldrwq_s32(sums), f.bias);
    const int32x4_t scaled = er_scaled(sum, f.mantissa, f.shift, how);
    return vminq_s32(vmaxq_s32(vaddq_n_s32(scaled, r->zero), r->low), r->high);
}

ER_ALWAYS_INLINE er_reader er_reader_at(const er_outputs *o, int32_t at)
{
    const er_reader r = {o->bias + at, o->mantissa + at * o->each, o->shift + at * o->each,
                         4 * o->each, o->zero, vdupq_n_s32(o->low), vdupq_n_s32(o->high)};
    return r;
}

/* Of `pixels` pixels, whose sums of ER_CHANNELS channels lie one behind the other, the outputs of
 * `count` channels; pixels of outputs are `pitch` apart. */
ER_ALWAYS_INLINE void er_put_quickly(er_reader r, int32_t count, const int32_t *sums,
                                     int32_t pixels, er_how how, int32_t pitch, int8_t *to)
{
    int8_t *second = to + pitch, *third = second + pitch;
    ER_ROLLED_ALWAYS
    for (int32_t i = count / 4; i > 0; i--, sums += 4) {
        const er_factors f = er_next_factors(&r, how);
        vstrbq_s32(to, er_output(&r, sums, f, how));
        to += 4;
        if (pixels > 1) {
            vstrbq_s32(second, er_output(&r, sums + ER_CHANNELS, f, how));
            second += 4;
        }
        if (pixels > 2) {
            vstrbq_s32(third, er_output(&r, sums + 2 * ER_CHANNELS, f, how));
            third += 4;
        }
    }
    if (count % 4 != 0) {
        const mve_pred16_t some = vctp32q((uint32_t)count % 4);
        const er_factors f = er_next_factors(&r, how);
        vstrbq_p_s32(to, er_output(&r, sums, f, how), some);
        if (pixels > 1) {
            vstrbq_p_s32(second, er_output(&r, sums + ER_CHANNELS, f, how), some);
        }
        if (pixels > 2) {
            vstrbq_p_s32(third, er_output(&r, sums + 2 * ER_CHANNELS, f, how), some);
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
        if (ER_ROUNDS_ONCE && o->how == ER_ONE) {
            er_put_quickly(er_reader_at(o, at), count, sums, 1, ER_ONE, 0, to);
        } else {
            er_put_slowly(o, at, count, sums, to);
        }
    }
}

/* The outputs of the `count` channels, at most ER_CHANNELS, from `at` on, where `r` reads, of
 * `pixels` pixels, a constant. */
ER_ALWAYS_INLINE void er_put(const er_outputs *o, er_reader r, int32_t at, int32_t count,
                             const int32_t *sums, int32_t pixels, int32_t pitch, int8_t *to)
{
    if (o->how == ER_POSITIVE) {
        er_put_quickly(r, count, sums, pixels, ER_POSITIVE, pitch, to);
    } else if (o->how == ER_TWICE) {
        er_put_quickly(r, count, sums, pixels, ER_TWICE, pitch, to);
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
