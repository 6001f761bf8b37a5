/* SPDX-License-Identifier: Apache-2.0
 *
 * Pixel by pixel: where the taps are is listed once for all channels, and for the pixels that follow
 * while all taps are inside the image. Taps outside read from a row of zero points.
 *
 * Weights are HWO; the input's zero point is folded into the bias.
 */
#include "er_kernels.h"
#include "er_m0.h"

/* Bytes from the first channel of the pixel under the kernel's corner, and of the weights. */
typedef struct {
    int32_t input, weights;
} tap;

/* All channels of one pixel. The assembly knows the order of the fields. */
typedef struct {
    const tap *taps;
    const int32_t *bias;
    const int32_t *mantissa;
    int32_t twice_zero_and_one;
    int32_t low, high;
    const int8_t *shift, *end_of_shift;
    int8_t *to;
    const int8_t *input, *weights;
    const tap *end;
} pixel;

#if defined(__arm__)
#define TAP                                                                                        \
    "ldm r0!, {r6, r7}\n\t"                                                                        \
    "ldrsb r3, [r1, r6]\n\t"                                                                       \
    "ldrsb r4, [r2, r7]\n\t"                                                                       \
    "muls r3, r4, r3\n\t"                                                                          \
    "adds r5, r5, r3\n\t"

#define MULTIPLY(shifted)                                                                          \
    "push {r4-r7, lr}\n\t"                                                                         \
    "mov r4, r8\n\t"                                                                               \
    "mov r5, r9\n\t"                                                                               \
    "mov r6, r10\n\t"                                                                              \
    "mov r7, r11\n\t"                                                                              \
    "push {r4-r7}\n\t"                                                                             \
    "sub sp, sp, #32\n\t"                                                                          \
    /* On the stack: 0 taps, 4 bias, 8 mantissa, 12 twice_zero_and_one, 16 low, 20 high,           \
     * 24 from shifts to outputs, 28 end_of_shift. r8 input, r9 weights, r10 shifts,               \
     * r11 where the loop is entered, r12 the end of taps. */                                      \
    "mov r7, sp\n\t"                                                                               \
    "ldm r0!, {r1-r6}\n\t"                                                                         \
    "stm r7!, {r1-r6}\n\t"                                                                         \
    "movs r6, r1\n\t"                                                                              \
    "ldm r0!, {r1-r5}\n\t"                                                                         \
    "mov r10, r1\n\t"                                                                              \
    "mov r8, r4\n\t"                                                                               \
    "mov r9, r5\n\t"                                                                               \
    "subs r1, r3, r1\n\t"                                                                          \
    "stm r7!, {r1, r2}\n\t"                                                                        \
    "ldr r1, [r0]\n\t"                                                                             \
    "mov r12, r1\n\t"                                                                              \
    "subs r6, r6, r1\n\t" /* minus eight times the taps */                                         \
    "lsls r6, r6, #27\n\t"                                                                         \
    "lsrs r6, r6, #30\n\t" /* those that four do not divide */                                     \
    "movs r7, #10\n\t"                                                                             \
    "muls r6, r7, r6\n\t"                                                                          \
    "adr r7, 2f\n\t"                                                                               \
    "adds r6, r6, r7\n\t"                                                                          \
    "mov r11, r6\n"                                                                                \
    "1:\n\t"                                                                                       \
    "ldr r0, [sp]\n\t"                                                                             \
    "ldr r1, [sp, #4]\n\t"                                                                         \
    "ldm r1!, {r5}\n\t"                                                                            \
    "str r1, [sp, #4]\n\t"                                                                         \
    "mov r1, r8\n\t"                                                                               \
    "mov r2, r9\n\t"                                                                               \
    "mov pc, r11\n\t"                                                                              \
    ".balign 4\n"                                                                                  \
    "2:\n\t" TAP TAP TAP TAP                                                                       \
    "cmp r0, r12\n\t"                                                                              \
    "bne 2b\n\t"                                                                                   \
    "movs r0, r5\n\t"                                                                              \
    "ldr r2, [sp, #8]\n\t"                                                                         \
    "ldm r2!, {r1}\n\t"                                                                            \
    "str r2, [sp, #8]\n\t"                                                                         \
    "lsls r1, r1, #1\n\t"                                                                          \
    "mov r7, r10\n\t" shifted                                                                      \
    "ldr r1, [sp, #12]\n\t"                                                                        \
    "adds r2, r2, r1\n\t"                                                                          \
    "asrs r2, r2, #1\n\t"                                                                          \
    "ldr r1, [sp, #16]\n\t"                                                                        \
    "cmp r2, r1\n\t"                                                                               \
    "bge 3f\n\t"                                                                                   \
    "movs r2, r1\n"                                                                                \
    "3:\n\t"                                                                                       \
    "ldr r1, [sp, #20]\n\t"                                                                        \
    "cmp r2, r1\n\t"                                                                               \
    "ble 4f\n\t"                                                                                   \
    "movs r2, r1\n"                                                                                \
    "4:\n\t"                                                                                       \
    "ldr r1, [sp, #24]\n\t"                                                                        \
    "strb r2, [r7, r1]\n\t"                                                                        \
    "movs r1, #1\n\t"                                                                              \
    "add r8, r8, r1\n\t"                                                                           \
    "add r9, r9, r1\n\t"                                                                           \
    "adds r7, r7, #1\n\t"                                                                          \
    "mov r10, r7\n\t"                                                                              \
    "ldr r1, [sp, #28]\n\t"                                                                        \
    "cmp r7, r1\n\t"                                                                               \
    "bne 1b\n\t"                                                                                   \
    "add sp, sp, #32\n\t"                                                                          \
    "pop {r4-r7}\n\t"                                                                              \
    "mov r8, r4\n\t"                                                                               \
    "mov r9, r5\n\t"                                                                               \
    "mov r10, r6\n\t"                                                                              \
    "mov r11, r7\n\t"                                                                              \
    "pop {r4-r7, pc}\n"

static __attribute__((naked, noinline)) void multiply_twice(__attribute__((unused)) const pixel *p)
{
    __asm__(".syntax unified\n\t" MULTIPLY(ER_SHIFTED_TWICE));
}

static __attribute__((naked, noinline)) void multiply_once(__attribute__((unused)) const pixel *p)
{
    __asm__(".syntax unified\n\t" MULTIPLY(ER_SHIFTED_ONCE));
}

static void multiply(const pixel *p)
{
    (er_layer_rounds_once(p->shift[0]) ? multiply_once : multiply_twice)(p);
}

/* How far apart two addresses are. */
static int32_t between(const int8_t *from, const int8_t *to)
{
    return (int32_t)((uintptr_t)to - (uintptr_t)from);
}

/* Lists all taps of the pixel whose first tap would be at (y, x), at `corner`; returns whether all
 * are inside the image. */
static int list_taps(const er_window *w, int32_t y, int32_t x, const int8_t *corner,
                     const int8_t *zeros, tap *to)
{
    int all = 1;
    int32_t weights = 0;
    for (int32_t i = 0; i < w->kernel_h; i++) {
        const int32_t down = i * w->dilation_h;
        for (int32_t k = 0; k < w->kernel_w; k++, to++, weights += w->out_c) {
            const int32_t right = k * w->dilation_w;
            const int inside = (uint32_t)(y + down) < w->in_h && (uint32_t)(x + right) < w->in_w;
            to->input = inside ? (down * w->in_w + right) * w->in_c : between(corner, zeros);
            to->weights = weights;
            all &= inside;
        }
    }
    return all;
}

static void run(const er_conv_s8 *p, const int8_t *input, int8_t *output, tap *taps, int8_t *zeros)
{
    const er_window *w = &p->window;
    pixel at = {.taps = taps,
                .bias = p->bias,
                .mantissa = p->mantissa,
                .twice_zero_and_one = 2 * p->out_zero + 1,
                .low = p->act_min,
                .high = p->act_max,
                .shift = p->shift,
                .end_of_shift = p->shift + w->out_c,
                .to = output,
                .weights = p->weights,
                .end = taps + w->kernel_h * w->kernel_w};
    const int32_t last = w->in_w - (w->kernel_w - 1) * w->dilation_w;
    int32_t y = -w->pad_top;
    for (int32_t row = 0; row < w->out_h; row++, y += w->stride_h) {
        int all_inside = 0;
        int32_t x = -w->pad_left;
        for (int32_t column = 0; column < w->out_w; column++, x += w->stride_w) {
            at.input = (const int8_t *)((uintptr_t)input +
                                        (uintptr_t)((y * w->in_w + x) * w->in_c));
            if (!all_inside || x >= last) {
                all_inside = list_taps(w, y, x, at.input, zeros, taps);
            }
            multiply(&at);
            at.to += w->out_c;
        }
    }
}
#else
static void run(const er_conv_s8 *p, const int8_t *input, int8_t *output, tap *taps, int8_t *zeros)
{
    const er_window *w = &p->window;
    (void)taps;
    for (int32_t i = 0; i < w->out_h * w->out_w * w->out_c; i++) {
        const int32_t channel = i % w->out_c, column = i / w->out_c % w->out_w;
        const int32_t row = i / w->out_c / w->out_w;
        uint32_t sum = (uint32_t)p->bias[channel];
        for (int32_t k = 0; k < w->kernel_h * w->kernel_w; k++) {
            const int32_t y = row * w->stride_h - w->pad_top + k / w->kernel_w * w->dilation_h;
            const int32_t x = column * w->stride_w - w->pad_left + k % w->kernel_w * w->dilation_w;
            const int inside = y >= 0 && y < w->in_h && x >= 0 && x < w->in_w;
            const int8_t *from = inside ? input + (y * w->in_w + x) * w->in_c : zeros;
            sum += (uint32_t)(from[channel] * p->weights[k * w->out_c + channel]);
        }
        const int32_t scaled = er_multiply((int32_t)sum, p->mantissa[channel], p->shift[channel]);
        output[i] = er_offset_and_clamp(scaled, p->out_zero, p->act_min, p->act_max);
    }
}
#endif

/* `scratch`: the list of taps, then the zero points. */
void er_depthwise_s8_m0(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    tap *taps = scratch;
    int8_t *zeros = (int8_t *)(taps + p->window.kernel_h * p->window.kernel_w);
    for (int32_t i = 0; i < p->window.in_c; i++) {
        zeros[i] = (int8_t)p->in_zero;
    }
    run(p, input, output, taps, zeros);
}
