/* SPDX-License-Identifier: Apache-2.0
 *
 * Advice to compilers that take it.
 */
#ifndef ER_ATTRIBUTES_H
#define ER_ATTRIBUTES_H

#if defined(__GNUC__)
/* For functions that are one only together with their caller's constants. */
#define ER_ALWAYS_INLINE static inline __attribute__((always_inline))
/* For functions whose loops need all registers to themselves. */
#define ER_NEVER_INLINE static __attribute__((noinline))
#else
#define ER_ALWAYS_INLINE static inline
#define ER_NEVER_INLINE static
#endif

/* Stands before loops that take all eight low registers of Armv6-M: unrolled, they spill. */
#if defined(__clang__) && defined(__ARM_ARCH_6M__)
#define ER_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define ER_ROLLED
#endif

#endif
