/* 2-D convolution for cores without SIMD, two pixels in one product.
 *
 * Of two pixels a register holds x0 + 2^16 * x1. A sum of products with weights that add up to at
 * most 255 in magnitude is S0 + 2^16 * S1 with both sums in 16 bits, so that with 2^15 added its
 * upper half is S1. `upper` takes this for every four taps, `pair` the whole modulo 2^32; at the
 * end pair - 2^16 * upper = S0 modulo 2^32. Where the weights of four taps are larger the sum is
 * taken apart after two of them.
 *
 * The rescale is a line rounded down, or two (hwk_stairs.h).
 *
 * Of the descriptor's tables only `weights` is there: of each HWK_PAIRS_ROWS channels
 *
 *   first channel
 *   of each channel what `pair` starts with, then what `upper` does: the bias less the sum that
 *     x = 0 stands for, and all that was added to make halves positive
 *   runs of blocks of four taps: the bytes of the columns under it, one less in the last run; of
 *     each block a word of weights for each channel; then, unless it is the last run, a block that
 *     is taken apart after two taps
 *   of each channel the factors of hwk_staircase_lines
 *
 * Channels that are left over are groups of one each. Before including this a variant defines
 * HWK_PAIRS_ROWS and hwk_pairs_channels (hwk_tile_pairs.h). */
#ifndef HWK_CONV2D_PAIRS_H
#define HWK_CONV2D_PAIRS_H

#include <hwk_pack_pairs.h>
#include <hwk_tile_pairs.h>
#include <hwk_window.h>

#define HWK_PAIRS_PIXELS 4

/* Integers under the window of one output, in whole blocks. */
HWK_INLINE int32_t hwk_pairs_taps(const hwk_window_t *w) {
  return hwk_round_up(w->kernel_height * w->kernel_width * w->channels, 4);
}

HWK_INLINE int32_t hwk_pairs_rest(const hwk_window_t *w) {
  return w->output_height * w->output_width % HWK_PAIRS_PIXELS;
}

/* Two columns of pairs, and the outputs of a last tile of fewer pixels. */
HWK_INLINE size_t hwk_conv2d_pairs_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t rest = hwk_pairs_rest(&d->window) == 0 ? 0 : HWK_PAIRS_PIXELS * d->output_channels;
  return (size_t)(8 * hwk_pairs_taps(&d->window) + hwk_round_up(rest, 4));
}

/* The taps of kernel row r, pixels (ys[0], xs[0]) and (ys[1], xs[1]); the end of what was written. A
 * row that lies inside the map is one run of bytes. */
HWK_INLINE int32_t *hwk_pairs_row(const hwk_conv2d_t *d, const int8_t *input, const int32_t *ys,
                                  const int32_t *xs, int32_t r, int32_t *to) {
  const hwk_window_t *w = &d->window;
  int32_t end = w->kernel_width - 1, bytes = w->kernel_width * w->channels;
  const int8_t *lower = hwk_window_pixel(w, input, ys[0], xs[0], r, 0);
  const int8_t *upper = hwk_window_pixel(w, input, ys[1], xs[1], r, 0);
  if (w->dilation_width == 1 && lower != NULL && upper != NULL &&
      hwk_window_column(w, xs[0], end) < w->input_width &&
      hwk_window_column(w, xs[1], end) < w->input_width) {
    hwk_pack_pairs(lower, upper, to, bytes);
    return to + 2 * bytes;
  }
#pragma GCC unroll 1
  for (int32_t c = 0; c <= end; ++c, to += 2 * w->channels) {
    lower = hwk_window_pixel(w, input, ys[0], xs[0], r, c);
    upper = hwk_window_pixel(w, input, ys[1], xs[1], r, c);
    if (lower != NULL && upper != NULL) {
      hwk_pack_pairs(lower, upper, to, w->channels);
    } else {
      hwk_pack_padded(lower, upper, d->input_zero_point, to, w->channels);
    }
  }
  return to;
}

/* Fills two columns with what lies under the windows of four pixels from (y, x) on; of those behind
 * the last one with what lies under that. */
HWK_INLINE void hwk_pairs_gather(const hwk_conv2d_t *d, const int8_t *input, int32_t y, int32_t x,
                                 int32_t *columns) {
  const hwk_window_t *w = &d->window;
  int32_t ys[HWK_PAIRS_PIXELS], xs[HWK_PAIRS_PIXELS];
  for (int32_t n = 0; n < HWK_PAIRS_PIXELS; ++n) {
    ys[n] = y;
    xs[n] = x;
    if (y + 1 < w->output_height || x + 1 < w->output_width) {
      x = x + 1 == w->output_width ? 0 : x + 1;
      y += x == 0;
    }
  }
#pragma GCC unroll 1
  for (int32_t n = 0; n < HWK_PAIRS_PIXELS; n += 2) {
    int32_t *to = columns + n / 2;
#pragma GCC unroll 1
    for (int32_t r = 0; r < w->kernel_height; ++r) {
      to = hwk_pairs_row(d, input, ys + n, xs + n, r, to);
    }
  }
}

HWK_INLINE void hwk_conv2d_pairs(const hwk_conv2d_t *d, const int8_t *input, int8_t *output,
                                 void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t *columns = scratch;
  int8_t *rest = (int8_t *)(columns + 2 * hwk_pairs_taps(w));
  int32_t outputs = d->output_channels, pixels = w->output_height * w->output_width;
  int32_t y = 0, x = 0;
  for (int32_t pixel = 0; pixel < pixels; pixel += HWK_PAIRS_PIXELS) {
    hwk_pairs_gather(d, input, y, x, columns);
    for (x += HWK_PAIRS_PIXELS; x >= w->output_width; x -= w->output_width) {
      ++y;
    }
    int8_t *to = output + pixel * outputs;
    if (pixel + HWK_PAIRS_PIXELS <= pixels) {
      hwk_pairs_channels(d->weights, columns, to, outputs);
    } else {
      hwk_pairs_channels(d->weights, columns, rest, outputs);
      for (int32_t k = 0; k < (pixels - pixel) * outputs; ++k) {
        to[k] = rest[k];
      }
    }
  }
}

#endif
