/* SPDX-License-Identifier: Apache-2.0
 *
 * Channel by channel: the rows that one output row reads stand in `scratch` as int16, padding
 * included, in a ring of as many rows as the kernel reaches over. A row is copied there before any
 * output is written over it, so the output may lie on the input.
 *
 * Weights are OHW, the input's zero point is folded into the bias.
 */
#include "er_dsp.h"
#include "er_kernels.h"
#include "er_patch.h"

/* One channel of one call. */
typedef struct {
    const er_window *window;
    int16_t *ring;
    int32_t width, reach; /* of the ring: elements a row, rows */
    int32_t used;         /* elements of an image row that are read */
    const int8_t *weights;
    int32_t zero, bias;
    er_scaling scaling;
    er_range_s8 range;
} plane;

static inline void store_pair(int16_t *to, er_pair pair)
{
    __builtin_memcpy(to, &pair, sizeof pair);
}

static void fill(int16_t *to, int32_t count, int32_t value)
{
    for (int32_t i = 0; i < count; i++) {
        to[i] = (int16_t)value;
    }
}

/* Copies elements `step` apart. */
static void copy(const int8_t *from, int32_t step, int32_t count, int16_t *to)
{
    for (; count >= 4; count -= 4, from += 4 * step, to += 4) {
        store_pair(to, er_pack(from[0], from[step]));
        store_pair(to + 2, er_pack(from[2 * step], from[3 * step]));
    }
    for (; count > 0; count--, from += step, to++) {
        *to = *from;
    }
}

/* Brings row `y` of the padded image into the ring. `input` is at the channel. */
static void load_row(const plane *c, const int8_t *input, int32_t y)
{
    const er_window *w = c->window;
    int16_t *to = c->ring + y % c->reach * c->width;
    y -= w->pad_top;
    if (y >= 0 && y < w->in_h) {
        copy(input + y * w->in_w * w->in_c, w->in_c, c->used, to + w->pad_left);
    } else {
        fill(to, c->width, c->zero);
    }
}

/* One row of outputs, any kernel; `row` is the first row of the padded image that it reads. */
static void any_row(const plane *c, int32_t row, int8_t *output)
{
    const er_window *w = c->window;
    for (int32_t x = 0; x < w->out_w; x++, output += w->out_c) {
        const int8_t *weights = c->weights;
        int32_t sum = c->bias;
        int32_t slot = row % c->reach;
        for (int32_t i = 0; i < w->kernel_h; i++) {
            const int16_t *line = c->ring + slot * c->width + x * w->stride_w;
            for (int32_t j = 0; j < w->kernel_w; j++, line += w->dilation_w) {
                sum += *line * *weights++;
            }
            slot += w->dilation_h;
            slot = slot >= c->reach ? slot - c->reach : slot;
        }
        er_scale(c->range, c->scaling, 1, &sum);
        *output = (int8_t)sum;
    }
}

/* One row of outputs of a 3 x 3 kernel, two at a time. The ring holds one element more than the
 * last pair needs. */
ER_ALWAYS_INLINE void row_3x3(const plane *c, int32_t stride, int32_t row, int8_t *output)
{
    const int8_t *v = c->weights;
    const er_pair w01[3] = {er_pack(v[0], v[1]), er_pack(v[3], v[4]), er_pack(v[6], v[7])};
    const er_pair w12[3] = {er_pack(v[1], v[2]), er_pack(v[4], v[5]), er_pack(v[7], v[8])};
    const int16_t *lines[3];
    const int32_t step = c->window->out_c;
    for (int32_t i = 0; i < 3; i++) {
        lines[i] = c->ring + (row + i) % 3 * c->width;
    }
    for (int32_t left = c->window->out_w; left > 0; left -= 2, output += 2 * step) {
        int32_t sums[2] = {c->bias, c->bias};
        for (int32_t i = 0; i < 3; i++) {
            const er_pair x01 = er_load(lines[i]), x23 = er_load(lines[i] + 2);
            sums[0] = er_mac(x01, w01[i], sums[0]);
            sums[0] = er_mac_bt(x23, w12[i], sums[0]);
            if (stride == 1) {
                sums[1] = er_mac_tb(x01, w01[i], sums[1]);
                sums[1] = er_mac(x23, w12[i], sums[1]);
            } else {
                sums[1] = er_mac(x23, w01[i], sums[1]);
                sums[1] = er_mac_bt(er_load(lines[i] + 4), w12[i], sums[1]);
            }
            lines[i] += 2 * stride;
        }
        er_scale(c->range, c->scaling, 2, sums);
        output[left > 1 ? step : 0] = (int8_t)sums[1];
        output[0] = (int8_t)sums[0];
    }
}

static void row_3x3_stride_1(const plane *c, int32_t row, int8_t *output)
{
    row_3x3(c, 1, row, output);
}

static void row_3x3_stride_2(const plane *c, int32_t row, int8_t *output)
{
    row_3x3(c, 2, row, output);
}

typedef void (*row_kernel)(const plane *c, int32_t row, int8_t *output);

static row_kernel choose(const er_window *w)
{
    const int simple = w->kernel_h == 3 && w->kernel_w == 3 && w->dilation_h == 1 &&
                       w->dilation_w == 1 && w->stride_w <= 2;
    return !simple ? any_row : w->stride_w == 1 ? row_3x3_stride_1 : row_3x3_stride_2;
}

static void run_plane(const plane *c, row_kernel kernel, const int8_t *input, int8_t *output)
{
    const er_window *w = c->window;
    int32_t next = 0, first = 0;
    for (int32_t row = 0; row < w->out_h; row++, first += w->stride_h) {
        for (next = er_most(next, first); next < first + c->reach; next++) {
            load_row(c, input, next);
        }
        kernel(c, first, output);
        output += w->out_w * w->out_c;
    }
}

void er_depthwise_s8_dsp(const er_conv_s8 *p, const int8_t *input, int8_t *output, void *scratch)
{
    const er_window *w = &p->window;
    const row_kernel kernel = choose(w);
    /* An even number of outputs a row, and of elements. */
    const int32_t last = ((w->out_w + 1) / 2 * 2 - 1) * w->stride_w;
    const int32_t width = (last + (w->kernel_w - 1) * w->dilation_w + 2) / 2 * 2;
    plane c = {.window = w,
               .ring = scratch,
               .width = width,
               .reach = (w->kernel_h - 1) * w->dilation_h + 1,
               .used = er_least(w->in_w, width - w->pad_left),
               .weights = p->weights,
               .zero = p->in_zero,
               .range = er_range_of(p->out_zero, p->act_min, p->act_max)};
    fill(c.ring, c.reach * width, c.zero);
    for (int32_t i = 0; i < w->out_c; i++, c.weights += w->kernel_h * w->kernel_w) {
        c.bias = p->bias[i];
        c.scaling = er_scaling_of(p->mantissa[i], p->shift[i]);
        run_plane(&c, kernel, input + i, output + i);
    }
}
