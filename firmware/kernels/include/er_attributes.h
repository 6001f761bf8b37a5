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

/* For functions that run seldom: as little code as there can be. The others stand in headers that
 * not all need all of. */
#if defined(__clang__)
#define ER_SMALL static __attribute__((noinline, minsize))
#define ER_SHARED static __attribute__((noinline, minsize, unused))
#elif defined(__GNUC__)
#define ER_SMALL static __attribute__((noinline, optimize("Os")))
#define ER_SHARED static __attribute__((noinline, optimize("Os"), unused))
#else
#define ER_SMALL static
#define ER_SHARED static
#endif

/* Stands before loops that gain nothing by being unrolled. */
#if defined(__clang__)
#define ER_ROLLED_ALWAYS _Pragma("clang loop unroll(disable)")
#else
#define ER_ROLLED_ALWAYS
#endif

/* Stands before loops that take all eight low registers of Armv6-M: unrolled, they spill. */
#if defined(__clang__) && defined(__ARM_ARCH_6M__)
#define ER_ROLLED _Pragma("clang loop unroll(disable)")
#else
#define ER_ROLLED
#endif

/* Stands before loops of a few turns, a constant number, over what is to stay in registers. */
#if defined(__clang__)
#define ER_UNROLLED _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define ER_UNROLLED _Pragma("GCC unroll 4")
#else
#define ER_UNROLLED
#endif

/* Stands behind a load or store whose pointer goes on: it may take that step itself, at no cost.
 * Compilers would sum up the steps of a turn, and then need an instruction for the sum. */
#if defined(__GNUC__)
#define ER_STEPPED(pointer) __asm__("" : "+r"(pointer))
#else
#define ER_STEPPED(pointer) (void)0
#endif

#endif
