/* SPDX-License-Identifier: Apache-2.0
 *
 * The intrinsics of the DSP extension in plain C, so that kernels for it run on the host under
 * sanitizers. Written from the Armv7-M Architecture Reference Manual's pseudocode.
 */
#ifndef SHIM_ARM_ACLE_H
#define SHIM_ARM_ACLE_H

#include <stdint.h>

typedef uint32_t int8x4_t;
typedef uint32_t int16x2_t;
typedef uint32_t uint8x4_t;

static inline int32_t shim_half(uint32_t word, uint32_t upper)
{
    return (int16_t)(uint16_t)(upper ? word >> 16 : word);
}

static inline int32_t shim_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int16x2_t __sxtb16(int8x4_t bytes)
{
    const uint32_t low = ((bytes & 0xff) ^ 0x80) - 0x80;
    const uint32_t high = ((bytes >> 16 & 0xff) ^ 0x80) - 0x80;
    return (low & 0xffff) | high << 16;
}

static inline int16x2_t __sxtab16(int16x2_t sums, int8x4_t bytes)
{
    const int16x2_t wide = __sxtb16(bytes);
    return ((sums + wide) & 0xffff) | ((sums >> 16) + (wide >> 16)) << 16;
}

static inline int32_t __smlad(int16x2_t a, int16x2_t b, int32_t sum)
{
    return shim_add(shim_add(sum, shim_half(a, 0) * shim_half(b, 0)),
                    shim_half(a, 1) * shim_half(b, 1));
}

static inline int32_t __smlabb(int32_t a, int32_t b, int32_t sum)
{
    return shim_add(sum, shim_half((uint32_t)a, 0) * shim_half((uint32_t)b, 0));
}

static inline int32_t __smlatt(int32_t a, int32_t b, int32_t sum)
{
    return shim_add(sum, shim_half((uint32_t)a, 1) * shim_half((uint32_t)b, 1));
}

static inline int32_t __smlabt(int32_t a, int32_t b, int32_t sum)
{
    return shim_add(sum, shim_half((uint32_t)a, 0) * shim_half((uint32_t)b, 1));
}

/* The product has 48 bits, of which the upper 32 are added. */
static inline int32_t __smlawb(int32_t a, int32_t b, int32_t sum)
{
    return shim_add(sum, (int32_t)((int64_t)a * shim_half((uint32_t)b, 0) >> 16));
}

static inline int32_t __smlawt(int32_t a, int32_t b, int32_t sum)
{
    return shim_add(sum, (int32_t)((int64_t)a * shim_half((uint32_t)b, 1) >> 16));
}

static inline uint32_t shim_usat(int32_t value, uint32_t bits)
{
    const int32_t most = (int32_t)((1u << bits) - 1);
    return (uint32_t)(value > most ? most : value < 0 ? 0 : value);
}

static inline int16x2_t shim_usat16(int16x2_t pair, uint32_t bits)
{
    return shim_usat(shim_half(pair, 0), bits) | shim_usat(shim_half(pair, 1), bits) << 16;
}

static inline int32_t shim_ssat(int32_t value, uint32_t bits)
{
    const int32_t most = (int32_t)((1u << (bits - 1)) - 1);
    return value > most ? most : value < -most - 1 ? -most - 1 : value;
}
/* The GE flags: which bytes of the last difference were not negative. */
static uint32_t shim_ge;

static inline int8x4_t __ssub8(int8x4_t a, int8x4_t b)
{
    uint32_t result = 0;
    shim_ge = 0;
    for (uint32_t i = 0; i < 32; i += 8) {
        const int32_t difference = (int8_t)(uint8_t)(a >> i) - (int8_t)(uint8_t)(b >> i);
        result |= ((uint32_t)difference & 0xff) << i;
        shim_ge |= (difference >= 0 ? 0xffu : 0) << i;
    }
    return result;
}

static inline uint8x4_t __sel(uint8x4_t a, uint8x4_t b)
{
    return (a & shim_ge) | (b & ~shim_ge);
}

#define __ssat(value, bits) shim_ssat(value, bits)
#define __usat16(pair, bits) shim_usat16(pair, bits)

#endif
