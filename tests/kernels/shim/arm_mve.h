/* SPDX-License-Identifier: Apache-2.0
 *
 * The intrinsics of MVE that the kernels use in plain C, so that they run on the host under
 * sanitizers. Written from the Armv8-M Architecture Reference Manual's pseudocode. Predicates have
 * a bit for each byte of a vector.
 */
#ifndef SHIM_ARM_MVE_H
#define SHIM_ARM_MVE_H

#include <stdint.h>
#include <string.h>

typedef uint16_t mve_pred16_t;

#define SHIM_VECTOR(type, lanes, name)                                                             \
    typedef struct {                                                                               \
        type v[lanes];                                                                             \
    } name
SHIM_VECTOR(int8_t, 16, int8x16_t);
SHIM_VECTOR(uint8_t, 16, uint8x16_t);
SHIM_VECTOR(int16_t, 8, int16x8_t);
SHIM_VECTOR(uint16_t, 8, uint16x8_t);
SHIM_VECTOR(int32_t, 4, int32x4_t);
SHIM_VECTOR(uint32_t, 4, uint32x4_t);

typedef struct {
    int8x16_t val[4];
} int8x16x4_t;

static inline mve_pred16_t vctp8q(uint32_t count)
{
    return (mve_pred16_t)(count >= 16 ? 0xffff : (1u << count) - 1);
}

static inline mve_pred16_t vctp32q(uint32_t count)
{
    return vctp8q(count >= 4 ? 16 : 4 * count);
}

static inline mve_pred16_t vctp16q(uint32_t count)
{
    return vctp8q(count >= 8 ? 16 : 2 * count);
}

static inline int shim_active(mve_pred16_t p, uint32_t byte)
{
    return p >> byte & 1;
}

/* A statement for each lane i. */
#define SHIM_EACH(lanes, statement)                                                                \
    for (uint32_t i = 0; i < (lanes); i++) {                                                       \
        statement;                                                                                 \
    }

static inline int8x16_t vldrbq_z_s8(const int8_t *from, mve_pred16_t p)
{
    int8x16_t r;
    SHIM_EACH(16, r.v[i] = shim_active(p, i) ? from[i] : 0)
    return r;
}

static inline int8x16_t vldrbq_s8(const int8_t *from)
{
    return vldrbq_z_s8(from, 0xffff);
}

static inline void vstrbq_p_s8(int8_t *to, int8x16_t a, mve_pred16_t p)
{
    SHIM_EACH(16, if (shim_active(p, i)) to[i] = a.v[i])
}

static inline void vstrbq_s8(int8_t *to, int8x16_t a)
{
    vstrbq_p_s8(to, a, 0xffff);
}

static inline int32x4_t vldrwq_z_s32(const int32_t *from, mve_pred16_t p)
{
    int32x4_t r;
    SHIM_EACH(4, r.v[i] = shim_active(p, 4 * i) ? from[i] : 0)
    return r;
}

static inline int32x4_t vldrbq_z_s32(const int8_t *from, mve_pred16_t p)
{
    int32x4_t r;
    SHIM_EACH(4, r.v[i] = shim_active(p, 4 * i) ? from[i] : 0)
    return r;
}

static inline int32x4_t vldrwq_s32(const int32_t *from)
{
    return vldrwq_z_s32(from, 0xffff);
}

static inline int32x4_t vldrbq_s32(const int8_t *from)
{
    return vldrbq_z_s32(from, 0xffff);
}

static inline int16x8_t vldrbq_z_s16(const int8_t *from, mve_pred16_t p)
{
    int16x8_t r;
    SHIM_EACH(8, r.v[i] = shim_active(p, 2 * i) ? from[i] : 0)
    return r;
}

static inline int16x8_t vldrbq_s16(const int8_t *from)
{
    return vldrbq_z_s16(from, 0xffff);
}

static inline int16x8_t vldrhq_s16(const int16_t *from)
{
    int16x8_t r;
    SHIM_EACH(8, r.v[i] = from[i])
    return r;
}

static inline uint8x16_t vldrbq_u8(const uint8_t *from)
{
    uint8x16_t r;
    SHIM_EACH(16, r.v[i] = from[i])
    return r;
}

static inline int8x16_t vldrbq_gather_offset_s8(const int8_t *from, uint8x16_t offsets)
{
    int8x16_t r;
    SHIM_EACH(16, r.v[i] = from[offsets.v[i]])
    return r;
}

static inline uint16x8_t vldrhq_u16(const uint16_t *from)
{
    uint16x8_t r;
    SHIM_EACH(8, r.v[i] = from[i])
    return r;
}

static inline int16x8_t vldrbq_gather_offset_s16(const int8_t *from, uint16x8_t offsets)
{
    int16x8_t r;
    SHIM_EACH(8, r.v[i] = from[offsets.v[i]])
    return r;
}

static inline void vstrbq_p_s16(int8_t *to, int16x8_t a, mve_pred16_t p)
{
    SHIM_EACH(8, if (shim_active(p, 2 * i)) to[i] = (int8_t)(uint8_t)a.v[i])
}

static inline void vstrbq_s16(int8_t *to, int16x8_t a)
{
    vstrbq_p_s16(to, a, 0xffff);
}

static inline void vstrbq_p_s32(int8_t *to, int32x4_t a, mve_pred16_t p)
{
    SHIM_EACH(4, if (shim_active(p, 4 * i)) to[i] = (int8_t)(uint8_t)a.v[i])
}

static inline void vstrbq_s32(int8_t *to, int32x4_t a)
{
    vstrbq_p_s32(to, a, 0xffff);
}

/* The offsets are in bytes. */
static inline int32x4_t vldrwq_gather_offset_s32(const int32_t *from, uint32x4_t offsets)
{
    int32x4_t r;
    SHIM_EACH(4, memcpy(&r.v[i], (const char *)from + offsets.v[i], 4))
    return r;
}

static inline void vst4q_s8(int8_t *to, int8x16x4_t a)
{
    SHIM_EACH(64, to[i] = a.val[i % 4].v[i / 4])
}

static inline int8x16_t vdupq_n_s8(int8_t a)
{
    int8x16_t r;
    SHIM_EACH(16, r.v[i] = a)
    return r;
}

static inline uint8x16_t vdupq_n_u8(uint8_t a)
{
    uint8x16_t r;
    SHIM_EACH(16, r.v[i] = a)
    return r;
}

static inline int32x4_t vdupq_n_s32(int32_t a)
{
    int32x4_t r;
    SHIM_EACH(4, r.v[i] = a)
    return r;
}

static inline int16x8_t vdupq_n_s16(int16_t a)
{
    int16x8_t r;
    SHIM_EACH(8, r.v[i] = a)
    return r;
}

static inline uint32x4_t vdupq_n_u32(uint32_t a)
{
    uint32x4_t r;
    SHIM_EACH(4, r.v[i] = a)
    return r;
}

static inline uint32x4_t vidupq_n_u32(uint32_t start, uint32_t step)
{
    uint32x4_t r;
    SHIM_EACH(4, r.v[i] = start + i * step)
    return r;
}

static inline uint8x16_t vidupq_n_u8(uint32_t start, uint32_t step)
{
    uint8x16_t r;
    SHIM_EACH(16, r.v[i] = (uint8_t)(start + i * step))
    return r;
}

static inline uint8x16_t vminq_u8(uint8x16_t a, uint8x16_t b)
{
    SHIM_EACH(16, a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i])
    return a;
}

static inline int8x16_t vreinterpretq_s8_s32(int32x4_t a)
{
    int8x16_t r;
    memcpy(&r, &a, sizeof r);
    return r;
}

static inline uint32x4_t vreinterpretq_u32_s32(int32x4_t a)
{
    uint32x4_t r;
    memcpy(&r, &a, sizeof r);
    return r;
}

static inline int32x4_t vreinterpretq_s32_u32(uint32x4_t a)
{
    int32x4_t r;
    memcpy(&r, &a, sizeof r);
    return r;
}

static inline int32_t vmladavaq_s8(int32_t sum, int8x16_t a, int8x16_t b)
{
    uint32_t r = (uint32_t)sum;
    SHIM_EACH(16, r += (uint32_t)(a.v[i] * b.v[i]))
    return (int32_t)r;
}

static inline int32_t vmladavaq_s16(int32_t sum, int16x8_t a, int16x8_t b)
{
    uint32_t r = (uint32_t)sum;
    SHIM_EACH(8, r += (uint32_t)(a.v[i] * b.v[i]))
    return (int32_t)r;
}

static inline int32x4_t vmulq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] = (int32_t)((uint32_t)a.v[i] * (uint32_t)b.v[i]))
    return a;
}

static inline int32x4_t vaddq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] = (int32_t)((uint32_t)a.v[i] + (uint32_t)b.v[i]))
    return a;
}

static inline int32x4_t vaddq_n_s32(int32x4_t a, int32_t b)
{
    return vaddq_s32(a, vdupq_n_s32(b));
}

static inline uint32x4_t vaddq_n_u32(uint32x4_t a, uint32_t b)
{
    SHIM_EACH(4, a.v[i] += b)
    return a;
}

static inline uint32x4_t vmulq_n_u32(uint32x4_t a, uint32_t b)
{
    SHIM_EACH(4, a.v[i] *= b)
    return a;
}

static inline int32x4_t vminq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i])
    return a;
}

static inline uint32x4_t vminq_u32(uint32x4_t a, uint32x4_t b)
{
    SHIM_EACH(4, a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i])
    return a;
}

static inline int32x4_t vmaxq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i])
    return a;
}

static inline int32x4_t vshrq_n_s32(int32x4_t a, int32_t shift)
{
    SHIM_EACH(4, a.v[i] >>= shift)
    return a;
}

static inline int32_t shim_high(int32_t a, int32_t b, int64_t half)
{
    const int64_t doubled = a == INT32_MIN && b == INT32_MIN ? INT64_MAX : 2 * ((int64_t)a * b);
    return doubled > INT64_MAX - half ? INT32_MAX : (int32_t)((doubled + half) >> 32);
}

static inline int32x4_t vqdmulhq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] = shim_high(a.v[i], b.v[i], 0))
    return a;
}

static inline int32x4_t vqrdmulhq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] = shim_high(a.v[i], b.v[i], (int64_t)1 << 31))
    return a;
}

/* By the signed lowest byte; to the right with rounding. */
static inline int32_t shim_round(int32_t a, int32_t by)
{
    const int32_t shift = (int8_t)(uint8_t)by;
    if (shift >= 0) {
        return shift > 31 ? 0 : (int32_t)((uint32_t)a << shift);
    }
    return shift < -32 ? 0 : (int32_t)(((int64_t)a + ((int64_t)1 << (-shift - 1))) >> -shift);
}

static inline int32x4_t vrshlq_s32(int32x4_t a, int32x4_t shift)
{
    SHIM_EACH(4, a.v[i] = shim_round(a.v[i], shift.v[i]))
    return a;
}

static inline int32x4_t vqrdmulhq_n_s32(int32x4_t a, int32_t b)
{
    return vqrdmulhq_s32(a, vdupq_n_s32(b));
}

static inline int32x4_t vrshlq_n_s32(int32x4_t a, int32_t shift)
{
    return vrshlq_s32(a, vdupq_n_s32(shift));
}

static inline int32x4_t vshlq_n_s32(int32x4_t a, int32_t shift)
{
    SHIM_EACH(4, a.v[i] = (int32_t)((uint32_t)a.v[i] << shift))
    return a;
}

/* sum + a * b */
static inline int32x4_t vmlaq_n_s32(int32x4_t sum, int32x4_t a, int32_t b)
{
    SHIM_EACH(4, sum.v[i] = (int32_t)((uint32_t)sum.v[i] + (uint32_t)a.v[i] * (uint32_t)b))
    return sum;
}

static inline int32x4_t vmulq_n_s32(int32x4_t a, int32_t b)
{
    return vmlaq_n_s32(vdupq_n_s32(0), a, b);
}

static inline uint32x4_t vmulhq_u32(uint32x4_t a, uint32x4_t b)
{
    SHIM_EACH(4, a.v[i] = (uint32_t)((uint64_t)a.v[i] * b.v[i] >> 32))
    return a;
}

static inline int32x4_t vsubq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] = (int32_t)((uint32_t)a.v[i] - (uint32_t)b.v[i]))
    return a;
}

static inline int32x4_t vabsq_s32(int32x4_t a)
{
    SHIM_EACH(4, a.v[i] = a.v[i] < 0 ? (int32_t)(0 - (uint32_t)a.v[i]) : a.v[i])
    return a;
}

static inline int32x4_t veorq_s32(int32x4_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[i] ^= b.v[i])
    return a;
}

static inline int16x8_t vaddq_s16(int16x8_t a, int16x8_t b)
{
    SHIM_EACH(8, a.v[i] = (int16_t)(uint16_t)(a.v[i] + b.v[i]))
    return a;
}

static inline int8x16_t vmaxq_s8(int8x16_t a, int8x16_t b)
{
    SHIM_EACH(16, a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i])
    return a;
}

static inline int8x16_t vminq_s8(int8x16_t a, int8x16_t b)
{
    SHIM_EACH(16, a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i])
    return a;
}

static inline int8_t vminvq_p_s8(int8_t a, int8x16_t b, mve_pred16_t p)
{
    SHIM_EACH(16, if (shim_active(p, i) && b.v[i] < a) a = b.v[i])
    return a;
}

static inline int8_t vmaxvq_p_s8(int8_t a, int8x16_t b, mve_pred16_t p)
{
    SHIM_EACH(16, if (shim_active(p, i) && b.v[i] > a) a = b.v[i])
    return a;
}

/* The even elements, widened; then the odd ones, and both ways back. */
static inline int32x4_t vmovlbq_s16(int16x8_t a)
{
    int32x4_t r;
    SHIM_EACH(4, r.v[i] = a.v[2 * i])
    return r;
}

static inline int32x4_t vmovltq_s16(int16x8_t a)
{
    int32x4_t r;
    SHIM_EACH(4, r.v[i] = a.v[2 * i + 1])
    return r;
}

static inline int16x8_t vmovnbq_s32(int16x8_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[2 * i] = (int16_t)(uint16_t)b.v[i])
    return a;
}

static inline int16x8_t vmovntq_s32(int16x8_t a, int32x4_t b)
{
    SHIM_EACH(4, a.v[2 * i + 1] = (int16_t)(uint16_t)b.v[i])
    return a;
}

#endif
