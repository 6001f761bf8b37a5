/* SPDX-License-Identifier: Apache-2.0 */
/* A 2x2 block of an int8 matrix product as fast libraries had it when boards were measured with
 * them: for sixteen products four loads, eight sxtb16 and eight smlad. */
#include <arm_acle.h>
#include <stdint.h>

void block(const int32_t *a0, const int32_t *a1, const int32_t *b0, const int32_t *b1, int32_t n,
           int32_t *sums)
{
    int32_t s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    for (; n > 0; n--) {
        int32_t x0 = *a0++, x1 = *a1++, y0 = *b0++, y1 = *b1++;
        int32_t x0l = __sxtb16(x0), x0h = __sxtb16((int32_t)__ror((uint32_t)x0, 8));
        int32_t x1l = __sxtb16(x1), x1h = __sxtb16((int32_t)__ror((uint32_t)x1, 8));
        int32_t y0l = __sxtb16(y0), y0h = __sxtb16((int32_t)__ror((uint32_t)y0, 8));
        int32_t y1l = __sxtb16(y1), y1h = __sxtb16((int32_t)__ror((uint32_t)y1, 8));
        s00 = __smlad(x0h, y0h, __smlad(x0l, y0l, s00));
        s01 = __smlad(x0h, y1h, __smlad(x0l, y1l, s01));
        s10 = __smlad(x1h, y0h, __smlad(x1l, y0l, s10));
        s11 = __smlad(x1h, y1h, __smlad(x1l, y1l, s11));
    }
    sums[0] = s00;
    sums[1] = s01;
    sums[2] = s10;
    sums[3] = s11;
}
