/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution for the DSP extension patch by patch, of any window: those of four pixels that follow
 * each other are unpacked as a whole. Included after er_conv_dsp.h.
 */
#ifndef ER_CONV_PATCHES_DSP_H
#define ER_CONV_PATCHES_DSP_H

/* Unpacks rows of runs, `line` bytes apart, into one lane of the columns; returns where the next run
 * goes. */
#if defined(__arm__)
/* Two groups a turn. Compilers need twice the code for the same speed, or leave rows and tails at
 * twice the instructions, of which short runs consist. */
static __attribute__((naked, noinline)) er_pair *
unpack_rows(__attribute__((unused)) const int8_t *from, __attribute__((unused)) er_pair *to,
            __attribute__((unused)) int32_t run, __attribute__((unused)) int32_t rows,
            __attribute__((unused)) int32_t line)
{
    __asm__("push {r4-r6, lr}\n\t"
            "ldr r12, [sp, #16]\n\t"
            "sub r12, r12, r2\n"
            "1:\n\t"
            "lsrs lr, r2, #3\n\t"
            "beq 3f\n"
            "2:\n\t" UNPACK_TWO "subs lr, lr, #1\n\t"
            "bne 2b\n"
            "3:\n\t"
            "lsls lr, r2, #30\n\t" /* carry and sign: bits 2 and 1 */
            "bcc 4f\n\t" UNPACK "4:\n\t"
            "lsls lr, r2, #31\n\t" /* carry and sign: bits 1 and 0 */
            "bcs 5f\n\t"
            "bpl 7f\n\t"
            "ldrsb r4, [r0], #1\n\t"
            "b 6f\n"
            "5:\n\t"
            "ldrsb r4, [r0], #1\n\t"
            "ldrsb r5, [r0], #1\n\t"
            "itttt mi\n\t"
            "ldrsbmi lr, [r0], #1\n\t"
            "pkhbtmi r4, r4, lr, lsl #16\n\t"
            "strmi r4, [r1], #16\n\t"
            "movmi r4, r5\n\t"
            "it pl\n\t"
            "pkhbtpl r4, r4, r5, lsl #16\n"
            "6:\n\t"
            "str r4, [r1], #16\n"
            "7:\n\t"
            "add r0, r0, r12\n\t"
            "subs r3, r3, #1\n\t"
            "bne 1b\n\t"
            "mov r0, r1\n\t"
            "pop {r4-r6, pc}\n");
}
#else
static er_pair *unpack_rows(const int8_t *from, er_pair *to, int32_t run, int32_t rows,
                            int32_t line)
{
    for (; rows > 0; rows--, from += line - run) {
        int32_t left = run;
        for (; left >= 4; left -= 4, from += 4, to += 2 * LANES) {
            const uint32_t bytes = er_load(from);
            to[0] = er_even(bytes);
            to[LANES] = er_odd(bytes);
        }
        if (left == 3) {
            to[0] = er_pack(from[0], from[2]);
            to[LANES] = er_pack(from[1], 0);
            to += 2 * LANES;
        } else if (left > 0) {
            to[0] = er_pack(from[0], left > 1 ? from[1] : 0);
            to += LANES;
        }
        from += left;
    }
    return to;
}
#endif

/* Whether each pixel of the output reads just the pixel of the input in the same place. */
static int is_pointwise(const er_window *w)
{
    return w->kernel_h * w->kernel_w * w->stride_h * w->stride_w == 1 && w->in_h == w->out_h &&
           w->in_w == w->out_w && w->pad_top + w->pad_left == 0;
}

/* The taps of one row of a patch, of which a part is outside the image, or which are apart. Of few
 * channels these are too short to call anything for. */
ER_SMALL void copy_taps(const er_conv_s8 *p, const int8_t *line, int32_t left, int8_t *to)
{
    const er_window *w = &p->window;
    const int32_t depth = w->in_c, zero = p->in_zero;
    if (depth >= 4 || w->dilation_w != 1) {
        er_row_runs(w, line, left, zero, er_copy_run, to);
        return;
    }
    const int32_t first = er_most(-left, 0), last = er_most(w->in_w - left, first);
    const uint32_t before = (uint32_t)(first * depth), inside = (uint32_t)((last - first) * depth);
    const uint32_t run = (uint32_t)(w->kernel_w * depth);
    ER_ROLLED_ALWAYS
    for (uint32_t i = 0; i < run; i++) {
        to[i] = (int8_t)(i - before < inside ? line[left * depth + (int32_t)i] : zero);
    }
}

/* Unpacks the patch whose first element is at (y, left), wherever that is, into one lane of the
 * columns. */
ER_SMALL void unpack_patch(const er_conv_s8 *p, const int8_t *input, int32_t y, int32_t left,
                           er_pair *to, int8_t *copied)
{
    const er_window *w = &p->window;
    const int32_t run = w->kernel_w * w->in_c, line = w->in_w * w->in_c;
    const int inside = left >= 0 && left + w->kernel_w <= w->in_w && w->dilation_w == 1;
    for (int32_t rows = w->kernel_h; rows > 0; rows--, y += w->dilation_h) {
        if (y < 0 || y >= w->in_h) {
            to = fill(to, run, p->in_zero);
        } else if (inside) {
            to = unpack_rows(input + y * line + left * w->in_c, to, run, 1, 0);
        } else {
            copy_taps(p, input + y * line, left, copied);
            to = unpack_rows(copied, to, run, 1, 0);
        }
    }
}

/* `scratch`: the columns, then a run where a row of a patch may be partly outside the image. */
ER_SMALL void convolve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t run = w->kernel_w * w->in_c, line = w->in_w * w->in_c;
    const int32_t pixels = w->out_h * w->out_w, rows = w->kernel_h;
    /* In how many rows and columns patches start that are inside the image, and in one piece. */
    const uint32_t rows_inside = (uint32_t)er_most(w->in_h - (rows - 1) * w->dilation_h, 0);
    const uint32_t columns_inside =
        w->dilation_w == 1 ? (uint32_t)er_most(w->in_w - w->kernel_w + 1, 0) : 0;
    const int pointwise = is_pointwise(w);
    er_pair *columns = scratch;
    block b;
    start(&b, p, is_quick(p), columns, (uint32_t)((run + 1) / 2 * rows));
    int8_t *copied = (int8_t *)(columns + LANES * b.pairs);
    int32_t y = -w->pad_top, left = -w->pad_left, column = w->out_w;
    for (int32_t pixel = 0; pixel < pixels; pixel += LANES, output += LANES * w->out_c) {
        b.lanes = er_least(pixels - pixel, LANES);
        for (int32_t lane = 0; lane < b.lanes; lane++) {
            if (pointwise) {
                unpack_rows(input, columns + lane, run, 1, 0);
                input += run;
                continue;
            }
            if ((uint32_t)y < rows_inside && (uint32_t)left < columns_inside) {
                const int8_t *from = input + y * line + left * w->in_c;
                unpack_rows(from, columns + lane, run, rows, line * w->dilation_h);
            } else {
                unpack_patch(p, input, y, left, columns + lane, copied);
            }
            left += w->stride_w;
            if (--column == 0) {
                column = w->out_w;
                left = -w->pad_left;
                y += w->stride_h;
            }
        }
        make_outputs(&b, output);
    }
}

#endif
