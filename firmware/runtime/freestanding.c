/* SPDX-License-Identifier: Apache-2.0
 *
 * The four functions that GCC may call from any code, and that without a C library nobody brings.
 * Clang's runtime library has its own. Weak, so that a C library's take their place.
 */
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(__clang__)

/* Or GCC sees what these loops do, and makes them calls of themselves. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#define WEAK __attribute__((weak, used))

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int value, size_t count);
int memcmp(const void *a, const void *b, size_t count);

typedef uint32_t __attribute__((may_alias)) word;

#define ALIGNED(a, b) ((((uintptr_t)(a) | (uintptr_t)(b)) & 3u) == 0)

/* Right for `to` before `from` too, where the two overlap. */
static inline void copy_forwards(unsigned char *to, const unsigned char *from, size_t count)
{
    if (ALIGNED(to, from)) {
        for (; count >= 4; count -= 4, to += 4, from += 4) {
            *(word *)(void *)to = *(const word *)(const void *)from;
        }
    }
    while (count-- > 0) {
        *to++ = *from++;
    }
}

WEAK void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    copy_forwards(to, from, count);
    return to;
}

WEAK void *memmove(void *to, const void *from, size_t count)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= count) {
        copy_forwards(d, s, count);
        return to;
    }
    while (count-- > 0) {
        d[count] = s[count];
    }
    return to;
}

WEAK void *memset(void *to, int value, size_t count)
{
    unsigned char *d = to;
    unsigned char byte = (unsigned char)value;
    if (ALIGNED(d, 0)) {
        for (; count >= 4; count -= 4, d += 4) {
            *(word *)(void *)d = byte * 0x01010101u;
        }
    }
    while (count-- > 0) {
        *d++ = byte;
    }
    return to;
}

WEAK int memcmp(const void *a, const void *b, size_t count)
{
    const unsigned char *x = a;
    const unsigned char *y = b;
    for (; count > 0; --count, ++x, ++y) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

#else
typedef int no_translation_unit_is_empty;
#endif
