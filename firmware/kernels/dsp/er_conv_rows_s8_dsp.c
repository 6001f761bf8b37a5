/* SPDX-License-Identifier: Apache-2.0
 *
 * Row by row of outputs, for kernels of several columns. The four pixels that are made at a time are
 * a quarter of a row apart, so that each lane of the columns goes through a part of the row by
 * itself: columns of the image that neighbouring outputs share are unpacked once. A part has at most
 * as many outputs a lane as the columns have room for. See er_conv_joined_dsp.h too.
 *
 * Weights are read once for every four outputs, and flash is slow. So channels are taken as many at a
 * time as RAM is set aside for, to which their weights are copied for all outputs of a part.
 *
 * Runs are the channels of one tap, in multiples of four; taps follow each other column by column.
 */
#include "er_conv_joined_dsp.h"

/* edge_runtime/kernels/geometry.py says the same. */
enum { COLUMNS_BYTES = 5120, WEIGHTS_BYTES = 2304, FEWEST_GROUPS = 3 };

/* The taps of one row of outputs: in rows of the image, and above and below it. */
typedef struct {
    const int8_t *line; /* the first row inside the image */
    int32_t above, inside, below;
} taps;

/* Unpacks `count` columns of the image from column `x` on into one lane. */
ER_SMALL void unpack_part(const er_conv_s8 *p, taps t, int32_t x, int32_t count, er_pair *to)
{
    const er_window *w = &p->window;
    const int32_t run = w->in_c;
    for (; count > 0; count--, x++) {
        if (x < 0 || x >= w->in_w) {
            to = fill(to, w->kernel_h * run, p->in_zero);
            continue;
        }
        to = fill(to, t.above * run, p->in_zero);
        if (t.inside > 0) {
            to = unpack_rows(t.line + x * run, to, run, t.inside, w->in_w * run);
        }
        to = fill(to, t.below * run, p->in_zero);
    }
}

/* How many outputs of a lane are made of columns that are unpacked at once. */
static int32_t groups_of(const er_window *w, int32_t left)
{
    const int32_t room = COLUMNS_BYTES / (8 * w->kernel_h * w->in_c);
    return er_least((left + LANES - 1) / LANES, (room - w->kernel_w) / w->stride_w + 1);
}

/* Copies words, eight at a time. */
#if defined(__arm__)
static __attribute__((naked, noinline)) void copy_words(__attribute__((unused)) uint32_t *to,
                                                        __attribute__((unused)) const void *from,
                                                        __attribute__((unused)) uint32_t count)
{
    __asm__("push {r4-r10, lr}\n\t"
            "subs r2, r2, #8\n\t"
            "blo 2f\n"
            "1:\n\t"
            "ldm r1!, {r3-r10}\n\t"
            "stm r0!, {r3-r10}\n\t"
            "subs r2, r2, #8\n\t"
            "bhs 1b\n"
            "2:\n\t"
            "adds r2, r2, #8\n\t"
            "beq 4f\n"
            "3:\n\t"
            "ldr r3, [r1], #4\n\t"
            "str r3, [r0], #4\n\t"
            "subs r2, r2, #1\n\t"
            "bne 3b\n"
            "4:\n\t"
            "pop {r4-r10, pc}\n");
}
#else
static void copy_words(uint32_t *to, const void *from, uint32_t count)
{
    __builtin_memcpy(to, from, 4 * count);
}
#endif

/* How many channels' weights are copied at a time; 0 if that is not worth it. */
static int32_t channels_at_once(const er_window *w, int32_t depth)
{
    const int32_t fit = WEIGHTS_BYTES / depth / 2 * 2;
    return fit >= w->out_c ? w->out_c : groups_of(w, w->out_w) >= FEWEST_GROUPS ? fit : 0;
}

/* The layer, but for some of its channels only. */
static er_conv_s8 some_channels(const er_conv_s8 *p, int32_t first, int32_t count, int32_t depth)
{
    er_conv_s8 part = *p;
    part.window.out_c = (uint16_t)count;
    part.weights += first * depth;
    part.bias += first;
    part.mantissa += first;
    part.shift = is_straight(p) ? NULL : p->shift + first;
    return part;
}

/* Outputs of a part of a row, of which `left` are left in the row, for the channels of `p`. */
ER_SMALL void make_part(const er_conv_s8 *p, er_pair *columns, int32_t left, int32_t groups,
                        int32_t out_c, int8_t *to)
{
    const er_window *w = &p->window;
    const int32_t column = LANES * w->kernel_h * w->in_c / 2;
    block b;
    start(&b, p, columns, (uint32_t)(w->kernel_h * w->kernel_w * w->in_c / 2));
    b.step = groups * out_c;
    for (int32_t i = 0; i < groups; i++, to += out_c) {
        b.lanes = er_least((left - i + groups - 1) / groups, LANES);
        set_columns(&b, columns + i * w->stride_w * column);
        make_outputs(&b, to);
    }
}

/* The weights of a part of the channels, copied unless they were before or none are. */
static const int8_t *weights_of(const er_conv_s8 *part, int32_t depth, uint32_t *copies, int again)
{
    if (copies == NULL) {
        return part->weights;
    }
    if (again) {
        copy_words(copies, part->weights, (uint32_t)(part->window.out_c * depth / 4));
    }
    return (const int8_t *)copies;
}

/* `scratch`: the columns, then the weights that are copied. */
void er_conv_rows_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    const int32_t most = (groups_of(w, w->out_w) - 1) * w->stride_w + w->kernel_w;
    const int32_t copied = channels_at_once(w, depth), at_once = copied > 0 ? copied : w->out_c;
    er_pair *columns = scratch;
    uint32_t *copies = copied > 0 ? columns + most * LANES * w->kernel_h * w->in_c / 2 : NULL;
    int32_t y = -w->pad_top;
    int again = 1;
    for (int32_t row = 0; row < w->out_h; row++, y += w->stride_h) {
        taps t = {.above = er_least(er_most(-y, 0), w->kernel_h),
                  .below = er_least(er_most(y + w->kernel_h - w->in_h, 0), w->kernel_h)};
        t.inside = w->kernel_h - t.above - t.below;
        t.line = input + (y + t.above) * w->in_w * w->in_c;
        int32_t groups, x = -w->pad_left;
        for (int32_t left = w->out_w; left > 0; left -= LANES * groups) {
            groups = groups_of(w, left);
            const int32_t count = (groups - 1) * w->stride_w + w->kernel_w;
            for (int32_t lane = 0; lane < LANES && lane * groups < left; lane++) {
                unpack_part(p, t, x, count, columns + lane);
                x += groups * w->stride_w;
            }
            for (int32_t channel = 0; channel < w->out_c; channel += at_once) {
                const int32_t taken = er_least(at_once, w->out_c - channel);
                er_conv_s8 part = some_channels(p, channel, taken, depth);
                part.weights = weights_of(&part, depth, copies, again);
                make_part(&part, columns, left, groups, w->out_c, output + channel);
            }
            again = at_once < w->out_c;
            output += er_least(left, LANES * groups) * w->out_c;
        }
    }
}
