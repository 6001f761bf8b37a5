/* SPDX-License-Identifier: Apache-2.0
 *
 * er_vec.h by AVX2.
 */
#ifndef ER_VEC_AVX2_H
#define ER_VEC_AVX2_H

#include <immintrin.h>

typedef __m128i er_quad;
typedef __m256i er_tile;   /* int16_t */
typedef __m256i er_inputs; /* int16_t */
typedef __m256i er_dots;   /* two sums a channel, side by side */

static inline er_quad er_quad_of(int32_t value)
{
    return _mm_set1_epi32(value);
}

static inline er_quad er_quad_load(const int32_t *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

static inline void er_quad_store(er_quad a, int32_t *to)
{
    _mm_storeu_si128((__m128i *)(void *)to, a);
}

static inline __m128i er_four_bytes(const int8_t *from)
{
    int32_t word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm_set1_epi32(word);
}

static inline __m128i er_eight_bytes(const int8_t *from)
{
    return _mm_loadl_epi64((const __m128i *)(const void *)from);
}

static inline er_quad er_quad_load_s8(const int8_t *from)
{
    return _mm_cvtepi8_epi32(er_four_bytes(from));
}

static inline void er_quad_store_s8(er_quad a, int8_t *to)
{
    const __m128i halves = _mm_packs_epi32(a, a);
    const int32_t word = _mm_cvtsi128_si32(_mm_packs_epi16(halves, halves));
    __builtin_memcpy(to, &word, sizeof word);
}

static inline er_quad er_quad_add(er_quad a, er_quad b)
{
    return _mm_add_epi32(a, b);
}

static inline er_quad er_quad_sub(er_quad a, er_quad b)
{
    return _mm_sub_epi32(a, b);
}

static inline er_quad er_quad_min(er_quad a, er_quad b)
{
    return _mm_min_epi32(a, b);
}

static inline er_quad er_quad_max(er_quad a, er_quad b)
{
    return _mm_max_epi32(a, b);
}

static inline er_quad er_quad_shift_left(er_quad a, er_quad n)
{
    return _mm_sllv_epi32(a, n);
}

/* er_high: of each product, bits 31 to 62. */
static inline er_quad er_quad_high(er_quad a, er_quad b)
{
    const __m128i half = _mm_set1_epi64x((int64_t)1 << 30);
    const __m128i even = _mm_add_epi64(_mm_mul_epi32(a, b), half);
    const __m128i odd =
        _mm_add_epi64(_mm_mul_epi32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32)), half);
    return _mm_blend_epi16(_mm_srli_epi64(even, 31), _mm_slli_epi64(odd, 1), 0xcc);
}

/* er_rounding_shift_right: the last bit that goes is added. Shifts by -1 give 0. */
static inline er_quad er_quad_rounding_shift_right(er_quad a, er_quad n)
{
    const __m128i none = _mm_setzero_si128(), one = _mm_set1_epi32(1);
    const __m128i nudged =
        _mm_add_epi32(a, _mm_srai_epi32(_mm_and_si128(a, _mm_sub_epi32(none, n)), 31));
    const __m128i last = _mm_and_si128(_mm_srlv_epi32(nudged, _mm_sub_epi32(n, one)), one);
    return _mm_add_epi32(_mm_srav_epi32(nudged, n), last);
}

static inline er_tile er_tile_load(const int8_t *from)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

static inline er_inputs er_inputs_load(const int8_t *from)
{
    return _mm256_cvtepi8_epi16(er_four_bytes(from));
}

static inline er_dots er_dots_none(void)
{
    return _mm256_setzero_si256();
}

static inline er_dots er_dots_add(er_dots dots, er_tile weights, er_inputs x)
{
    return _mm256_add_epi32(dots, _mm256_madd_epi16(weights, x));
}

static inline er_quad er_dots_sum(er_dots dots)
{
    return _mm_hadd_epi32(_mm256_castsi256_si128(dots), _mm256_extracti128_si256(dots, 1));
}

/* Adds the products of eight channels, which fit into 16 bits, to their sums. */
static inline void er_add_products_8(er_quad *sums, const int8_t *x, const int8_t *weights)
{
    const __m128i products = _mm_mullo_epi16(_mm_cvtepi8_epi16(er_eight_bytes(x)),
                                             _mm_cvtepi8_epi16(er_eight_bytes(weights)));
    sums[0] = _mm_add_epi32(sums[0], _mm_cvtepi16_epi32(products));
    sums[1] = _mm_add_epi32(sums[1], _mm_cvtepi16_epi32(_mm_unpackhi_epi64(products, products)));
}

static inline void er_add_products_16(er_quad *sums, const int8_t *x, const int8_t *weights)
{
    er_add_products_8(sums, x, weights);
    er_add_products_8(sums + 2, x + 8, weights + 8);
}

#endif
