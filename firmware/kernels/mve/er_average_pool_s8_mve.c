/* SPDX-License-Identifier: Apache-2.0
 *
 * Eight channels at a time, in sums of 16 bits: at most 256 taps.
 */
#include "er_mve.h"
#include "er_pools.h"

enum { LANES = 8 };

/* How sums become averages. */
typedef struct {
    int32_t half;         /* of the number of taps */
    uint32_t reciprocal; /* 2^31 over it, rounded up */
    int32_t low, high;
} division;

static division division_of(const er_pool *p, uint32_t count)
{
    const division d = {(int32_t)(count / 2), (0x80000000u + count - 1) / count, p->act_min,
                        p->act_max};
    return d;
}

/* Halves away from zero. With a sum n below 2^16 and at most 2^8 taps, what the reciprocal is too
 * large makes 2n * reciprocal / 2^32 larger by less than one over the number of taps, which changes
 * no whole part. */
static int32x4_t averages(const division *d, int32x4_t sums)
{
    const int32x4_t size = vaddq_n_s32(vabsq_s32(sums), d->half);
    const uint32x4_t doubled = vreinterpretq_u32_s32(vshlq_n_s32(size, 1));
    const uint32x4_t quotient = vmulhq_u32(doubled, vdupq_n_u32(d->reciprocal));
    const int32x4_t sign = vshrq_n_s32(sums, 31);
    const int32x4_t value = vsubq_s32(veorq_s32(vreinterpretq_s32_u32(quotient), sign), sign);
    return vminq_s32(vmaxq_s32(value, vdupq_n_s32(d->low)), vdupq_n_s32(d->high));
}

static int16x8_t sums_of(const er_covered *in, const int8_t *line, mve_pred16_t some,
                         int32_t padding)
{
    int16x8_t sums = vdupq_n_s16((int16_t)padding);
    for (int32_t i = in->rows; i > 0; i--, line += in->row_step) {
        const int8_t *at = line;
        for (int32_t j = in->columns; j > 0; j--, at += in->column_step) {
            sums = vaddq_s16(sums, vldrbq_z_s16(at, some));
        }
    }
    return sums;
}

void er_average_pool_s8_mve(const er_pool *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->in_c, taps = w->kernel_h * w->kernel_w;
    (void)scratch;
    for (int32_t row = 0; row < w->out_h; row++) {
        for (int32_t column = 0; column < w->out_w; column++, output += depth) {
            const er_covered in = er_cover(w, row, column);
            const int32_t inside = in.rows * in.columns, count = p->include_pad ? taps : inside;
            const division d = division_of(p, (uint32_t)count);
            for (int32_t c = 0; c < depth; c += LANES) {
                const mve_pred16_t some = vctp16q((uint32_t)(depth - c));
                const int16x8_t sums =
                    sums_of(&in, input + in.start + c, some, p->zero * (count - inside));
                int16x8_t made = vdupq_n_s16(0);
                made = vmovnbq_s32(made, averages(&d, vmovlbq_s16(sums)));
                made = vmovntq_s32(made, averages(&d, vmovltq_s16(sums)));
                vstrbq_p_s16(output + c, made, some);
            }
        }
    }
}
