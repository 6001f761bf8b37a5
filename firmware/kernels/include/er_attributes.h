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

#endif
