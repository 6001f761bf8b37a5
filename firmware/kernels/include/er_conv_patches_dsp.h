/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolution for the DSP extension patch by patch, of any window: those of four pixels that follow
 * each other are unpacked as a whole. Included after er_conv_dsp.h.
 */
#ifndef ER_CONV_PATCHES_DSP_H
#define ER_CONV_PATCHES_DSP_H

/* Whether each pixel of the output reads just the pixel of the input in the same place. */
static int is_pointwise(const er_window *w)
{
    return w->kernel_h * w->kernel_w * w->stride_h * w->stride_w == 1 && w->in_h == w->out_h &&
           w->in_w == w->out_w && w->pad_top + w->pad_left == 0;
}

/* Unpacks one row of a patch, of which a part is outside the image, or whose taps are apart; it is
 * copied first. */
ER_SMALL er_pair *unpack_border(const er_conv_s8 *p, const int8_t *line, int32_t left, er_pair *to,
                                int8_t *copied)
{
    const er_window *w = &p->window;
    int8_t *end = copied;
    for (int32_t tap = 0, x = left; tap < w->kernel_w; tap++, x += w->dilation_w) {
        const int8_t *from = x >= 0 && x < w->in_w ? line + x * w->in_c : NULL;
        end = er_copy_run(from, w->in_c, p->in_zero, end);
    }
    return unpack_rows(copied, to, (int32_t)(end - copied), 1, 0);
}

/* Unpacks the patch whose first element is at (y, left) into one lane of the columns. */
ER_SMALL void unpack_patch(const er_conv_s8 *p, const int8_t *input, int32_t y, int32_t left,
                           er_pair *to, int8_t *copied)
{
    const er_window *w = &p->window;
    const int32_t run = w->kernel_w * w->in_c, line = w->in_w * w->in_c, down = w->dilation_h;
    const int inside = left >= 0 && left + w->kernel_w <= w->in_w && w->dilation_w == 1;
    if (inside && y >= 0 && y + (w->kernel_h - 1) * down < w->in_h) {
        unpack_rows(input + y * line + left * w->in_c, to, run, w->kernel_h, line * down);
        return;
    }
    for (int32_t rows = w->kernel_h; rows > 0; rows--, y += down) {
        if (y < 0 || y >= w->in_h) {
            to = fill(to, run, p->in_zero);
        } else if (inside) {
            to = unpack_rows(input + y * line + left * w->in_c, to, run, 1, 0);
        } else {
            to = unpack_border(p, input + y * line, left, to, copied);
        }
    }
}

/* `scratch`: the columns, then a run where a row of a patch may be partly outside the image. */
ER_SMALL void convolve(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const int32_t run = w->kernel_w * w->in_c;
    const int32_t pixels = w->out_h * w->out_w;
    const int pointwise = is_pointwise(w);
    er_pair *columns = scratch;
    block b;
    start(&b, p, columns, (uint32_t)((run + 1) / 2 * w->kernel_h));
    int8_t *copied = (int8_t *)(columns + LANES * b.pairs);
    int32_t y = -w->pad_top, column = 0;
    for (int32_t pixel = 0; pixel < pixels; pixel += LANES, output += LANES * w->out_c) {
        b.lanes = er_least(pixels - pixel, LANES);
        for (int32_t lane = 0; lane < b.lanes; lane++) {
            if (pointwise) {
                unpack_rows(input, columns + lane, run, 1, 0);
                input += run;
                continue;
            }
            unpack_patch(p, input, y, column * w->stride_w - w->pad_left, columns + lane, copied);
            if (++column == w->out_w) {
                column = 0;
                y += w->stride_h;
            }
        }
        make_outputs(&b, output);
    }
}

#endif
