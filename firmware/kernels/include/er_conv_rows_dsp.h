/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution for the DSP extension row by row of outputs, for kernels of several columns. The four
 * pixels that are made at a time are a part of a row apart, so that each lane of the columns goes
 * through its part by itself: columns of the image that neighbouring outputs share are unpacked
 * once. A part has at most as many outputs a lane as the columns have room for. Included after
 * er_conv_dsp.h.
 *
 * Weights are read once for every four outputs, and flash is slow. So channels are taken as many at a
 * time as RAM is set aside for, to which their weights are copied for all outputs of a part.
 *
 * Runs are the channels of one tap, in multiples of four; taps follow each other column by column.
 */
#ifndef ER_CONV_ROWS_DSP_H
#define ER_CONV_ROWS_DSP_H

/* edge_runtime/kernels/geometry.py says the same. */
enum { COLUMNS_BYTES = 6144, MOST_GROUPS = 8, WEIGHTS_BYTES = 1728, FEWEST_GROUPS = 3 };

/* Unpacks `count` columns of the image, of `fours` times four channels, into one lane; `skip` bytes
 * behind each belong to other rows. Returns where the next column goes. */
#if defined(__arm__)
static __attribute__((naked, noinline)) er_pair *
unpack_columns(__attribute__((unused)) const int8_t *from, __attribute__((unused)) er_pair *to,
               __attribute__((unused)) int32_t fours, __attribute__((unused)) int32_t count,
               __attribute__((unused)) int32_t skip)
{
    __asm__("push {r4-r6, lr}\n\t"
            "ldr r12, [sp, #16]\n"
            "1:\n\t"
            "lsrs lr, r2, #1\n\t"
            "beq 3f\n"
            "2:\n\t" UNPACK_TWO "subs lr, lr, #1\n\t"
            "bne 2b\n"
            "3:\n\t"
            "lsls lr, r2, #31\n\t"
            "beq 4f\n\t" UNPACK "4:\n\t"
            "add r1, r1, r12\n\t"
            "subs r3, r3, #1\n\t"
            "bne 1b\n\t"
            "mov r0, r1\n\t"
            "pop {r4-r6, pc}\n");
}
#else
static er_pair *unpack_columns(const int8_t *from, er_pair *to, int32_t fours, int32_t count,
                               int32_t skip)
{
    for (; count > 0; count--, to += skip / 4) {
        for (int32_t i = 0; i < fours; i++, from += 4, to += 2 * LANES) {
            const uint32_t bytes = er_load(from);
            to[0] = er_even(bytes);
            to[LANES] = er_odd(bytes);
        }
    }
    return to;
}
#endif

/* The same of columns outside the image. */
static er_pair *fill_columns(er_pair *to, int32_t run, int32_t count, int32_t skip, int32_t zero)
{
    for (; count > 0; count--, to += skip / 4) {
        to = fill(to, run, zero);
    }
    return to;
}

/* Unpacks what one lane reads: `count` columns of the padded image from column `x` on, of the rows
 * from `y` on. */
ER_SMALL void unpack_lane(const er_conv_s8 *p, const int8_t *input, int32_t y, int32_t x,
                          int32_t count, er_pair *to)
{
    const er_window *w = &p->window;
    const int32_t run = w->in_c, zero = p->in_zero, line = w->in_w * run, height = w->in_h;
    const int32_t skip = 2 * LANES * (w->kernel_h - 1) * run;
    const int32_t before = er_least(er_most(-x, 0), count);
    const int32_t inside = er_most(er_least(w->in_w - x, count) - before, 0);
    const int32_t after = count - before - inside;
    int32_t from = y * line + (x + before) * run;
    for (int32_t rows = w->kernel_h; rows > 0; rows--, y++, from += line) {
        er_pair *next = to;
        to += LANES * run / 2;
        if (y < 0 || y >= height) {
            fill_columns(next, run, count, skip, zero);
            continue;
        }
        if (before > 0) {
            next = fill_columns(next, run, before, skip, zero);
        }
        if (inside > 0) {
            next = unpack_columns(input + from, next, run / 4, inside, skip);
        }
        if (after > 0) {
            fill_columns(next, run, after, skip, zero);
        }
    }
}

/* How many outputs of a lane can be made of columns that are unpacked at once. */
static int32_t most_groups(const er_window *w)
{
    const int32_t room = COLUMNS_BYTES / (2 * LANES * w->kernel_h * w->in_c);
    return er_least((room - w->kernel_w) / w->stride_w + 1, MOST_GROUPS);
}

/* Of them, those of a part that has so many outputs left. */
static inline int32_t groups_of(int32_t left, int32_t most)
{
    return er_least((left + LANES - 1) / LANES, most);
}

/* Copies words, 16 at a time. */
#if defined(__arm__)
static __attribute__((naked, noinline)) void copy_words(__attribute__((unused)) uint32_t *to,
                                                        __attribute__((unused)) const void *from,
                                                        __attribute__((unused)) uint32_t count)
{
    __asm__("push {r4-r10, lr}\n\t"
            "subs r2, r2, #16\n\t"
            "blo 2f\n"
            "1:\n\t"
            "ldm r1!, {r3-r10}\n\t"
            "stm r0!, {r3-r10}\n\t"
            "ldm r1!, {r3-r10}\n\t"
            "stm r0!, {r3-r10}\n\t"
            "subs r2, r2, #16\n\t"
            "bhs 1b\n"
            "2:\n\t"
            "adds r2, r2, #16\n\t"
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

/* How many channels' weights are copied at a time; 0 if that is not worth it. Layers with fewer
 * weights than columns have large images, beside which RAM is short. */
static int32_t channels_at_once(const er_window *w, int32_t depth, int32_t groups,
                                int32_t columns_bytes)
{
    const int is_worth_it = groups >= FEWEST_GROUPS && depth * w->out_c > columns_bytes;
    return is_worth_it ? er_least(WEIGHTS_BYTES / depth / 2 * 2, w->out_c) : 0;
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
ER_SMALL void make_part(const er_conv_s8 *p, int quick, er_pair *columns, int32_t left,
                        int32_t groups, int32_t out_c, int8_t *to)
{
    const er_window *w = &p->window;
    const int32_t column = LANES * w->kernel_h * w->in_c / 2;
    block b;
    start(&b, p, quick, columns, (uint32_t)(w->kernel_h * w->kernel_w * w->in_c / 2));
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
ER_SMALL void convolve_rows(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t depth = w->kernel_h * w->kernel_w * w->in_c;
    const int32_t most = most_groups(w), first = groups_of(w->out_w, most);
    const int32_t first_columns = (first - 1) * w->stride_w + w->kernel_w;
    const int32_t columns_bytes = first_columns * 2 * LANES * w->kernel_h * w->in_c;
    const int32_t copied = channels_at_once(w, depth, first, columns_bytes);
    const int32_t at_once = copied > 0 ? copied : w->out_c;
    er_pair *columns = scratch;
    uint32_t *copies = copied > 0 ? columns + columns_bytes / 4 : NULL;
    int32_t y = -w->pad_top;
    const int quick = is_quick(p);
    int again = 1;
    for (int32_t row = 0; row < w->out_h; row++, y += w->stride_h) {
        int32_t groups, x = -w->pad_left;
        for (int32_t left = w->out_w; left > 0; left -= LANES * groups) {
            groups = groups_of(left, most);
            const int32_t count = (groups - 1) * w->stride_w + w->kernel_w;
            for (int32_t lane = 0; lane < LANES && lane * groups < left; lane++) {
                unpack_lane(p, input, y, x, count, columns + lane);
                x += groups * w->stride_w;
            }
            for (int32_t channel = 0; channel < w->out_c; channel += at_once) {
                const int32_t taken = er_least(at_once, w->out_c - channel);
                er_conv_s8 part = some_channels(p, channel, taken, depth);
                part.weights = weights_of(&part, depth, copies, again);
                make_part(&part, quick, columns, left, groups, w->out_c, output + channel);
            }
            again = at_once < w->out_c;
            output += er_least(left, LANES * groups) * w->out_c;
        }
    }
}

#endif
