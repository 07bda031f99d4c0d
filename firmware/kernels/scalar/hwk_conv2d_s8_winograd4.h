/* 2-D convolution 3x3, stride 1, by Winograd's F(4x4, 3x3) for cores without SIMD: 16 outputs of 144
 * products take 36, and are the very integers that a direct convolution gives. The transformed
 * weights lie in flash: 8 times the bytes of int8.
 *
 * With the rows of the usual G freed of their fractions, and d a tile of 6x6 inputs plus 128, g a
 * kernel of 3x3:
 *
 *   A^T [ (G g G^T) . (B^T d B) ] A  =  s s^T . Y,   s = (24, 12, 6, 6)
 *
 * Transformed inputs are -12,750 .. 17,340, weights at most 6,272 in magnitude: both are kept in 16
 * bits, and their products summed modulo 2^32. Every s_i * s_j is 9 times a power of two, so the
 * inverse of 9 modulo 2^32 and the missing power give 64 * Y, which is exact where |Y| < 2^25, the
 * bias included: the condition in kernels.py.
 *
 * Of the descriptor's tables only `weights` is there, of each four output channels, missing ones
 * zeros: of each position, of each pair of input channels (of four the first and third, then the
 * second and fourth), a word a channel; then of each channel four words:
 *
 *   64 * (bias - 128 * sum of the weights) modulo 2^32
 *   multiplier
 *   offset = (2 * zero_point + 1) << (right - 1)
 *   right = shift - 31 */
#ifndef HWK_CONV2D_S8_WINOGRAD4_H
#define HWK_CONV2D_S8_WINOGRAD4_H

#include <hwk_rescale.h>
#include <hwk_tile_winograd4.h>
#include <hwk_window.h>

#define HWK_WINOGRAD4_SIDE 4       /* outputs of a tile in a row */
#define HWK_WINOGRAD4_EDGE 6       /* inputs of a tile in a row */
#define HWK_WINOGRAD4_POSITIONS 36 /* of a transformed tile */
#define HWK_WINOGRAD4_FACTORS 4    /* words of a channel */
#define HWK_WINOGRAD4_NINTH 0x38E38E39u /* times 9 is 1 modulo 2^32 */

/* One transformed tile, and its sums with four channels. */
HWK_INLINE size_t hwk_conv2d_s8_winograd4_scratch_bytes(const hwk_conv2d_t *d) {
  return (size_t)(2 * HWK_WINOGRAD4_POSITIONS * d->window.channels +
                  4 * HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD4_ROWS);
}

/* B^T of six integers. */
HWK_INLINE void hwk_winograd4_forward(int32_t a, int32_t b, int32_t c, int32_t e, int32_t f,
                                      int32_t g, int32_t to[HWK_WINOGRAD4_EDGE]) {
  int32_t even = f - 4 * c, odd = e - 4 * b, near = f - c, far = 2 * (e - b);
  to[0] = 4 * (a - c) + near;
  to[1] = even + odd;
  to[2] = even - odd;
  to[3] = near + far;
  to[4] = near - far;
  to[5] = 4 * (b - e) - e + g;
}

/* B^T d B of one channel, whose first input is at `from`, its rows `row` and its pixels `pixel`
 * bytes from each other. Positions go to integers `apart` from each other. To add 128 to each input
 * changes the second position of the second row alone. A function of its own: every register is
 * needed. */
HWK_NOINLINE void hwk_winograd4_transform(const int8_t *from, int32_t row, int32_t pixel,
                                          int16_t *to, int32_t apart) {
  int32_t turned[HWK_WINOGRAD4_POSITIONS], *column = turned;
#pragma GCC unroll 1
  for (; column != turned + HWK_WINOGRAD4_POSITIONS; column += HWK_WINOGRAD4_EDGE, from += pixel) {
    const int8_t *at = from;
    int32_t a = *at, b = *(at += row), c = *(at += row);
    int32_t e = *(at += row), f = *(at += row), g = *(at += row);
    hwk_winograd4_forward(a, b, c, e, f, g, column);
  }
  int16_t *raised = to + (HWK_WINOGRAD4_EDGE + 1) * apart;
#pragma GCC unroll 1
  for (column = turned; column != turned + HWK_WINOGRAD4_EDGE; ++column) {
    int32_t made[HWK_WINOGRAD4_EDGE];
    hwk_winograd4_forward(column[0], column[6], column[12], column[18], column[24], column[30],
                          made);
    for (int32_t n = 0; n < HWK_WINOGRAD4_EDGE; ++n, to += apart) {
      *to = (int16_t)made[n];
    }
  }
  *raised = (int16_t)(*raised + 36 * 128);
}

/* One channel of the tile at the border whose first input is row `top`, column `left`, the padding
 * in its place. */
HWK_INLINE void hwk_winograd4_bordered(const hwk_window_t *w, const int8_t *channel,
                                       int32_t zero_point, int32_t top, int32_t left,
                                       int8_t tile[HWK_WINOGRAD4_POSITIONS]) {
#pragma GCC unroll 1
  for (int32_t y = top; y < top + HWK_WINOGRAD4_EDGE; ++y) {
    int inside = y >= 0 && y < w->input_height;
    const int8_t *row = inside ? channel + y * w->input_width * w->channels : NULL;
#pragma GCC unroll 1
    for (int32_t x = left; x < left + HWK_WINOGRAD4_EDGE; ++x) {
      int there = inside && x >= 0 && x < w->input_width;
      *tile++ = (int8_t)(there ? row[x * w->channels] : zero_point);
    }
  }
}

/* Transforms the tile whose first output is (y, x), its channels in the order of the weights. */
HWK_INLINE void hwk_winograd4_inputs(const hwk_conv2d_t *d, const int8_t *input, int32_t y,
                                     int32_t x, int16_t *to) {
  const hwk_window_t *w = &d->window;
  int32_t top = y - w->padding_top, left = x - w->padding_left, row = w->input_width * w->channels;
  int inside = top >= 0 && left >= 0 && top + HWK_WINOGRAD4_EDGE <= w->input_height &&
               left + HWK_WINOGRAD4_EDGE <= w->input_width;
  for (int32_t c = 0; c < w->channels; ++c) {
    int16_t *place = to + (c & ~3) + 2 * (c & 1) + (c >> 1 & 1);
    if (inside) {
      const int8_t *from = input + top * row + left * w->channels + c;
      hwk_winograd4_transform(from, row, w->channels, place, w->channels);
    } else {
      int8_t tile[HWK_WINOGRAD4_POSITIONS];
      hwk_winograd4_bordered(w, input + c, d->input_zero_point, top, left, tile);
      hwk_winograd4_transform(tile, HWK_WINOGRAD4_EDGE, 1, place, w->channels);
    }
  }
}

/* A^T of six sums modulo 2^32, `apart` from each other at `from`, `to_apart` at `to`. */
HWK_INLINE void hwk_winograd4_backward(const uint32_t *from, int32_t apart, uint32_t *to,
                                       int32_t to_apart) {
  uint32_t a = from[0], b = from[apart], c = from[2 * apart];
  uint32_t e = from[3 * apart], f = from[4 * apart], g = from[5 * apart];
  uint32_t near = b + c, far = e + f, left = c - b, right = e - f;
  to[0] = a - 4 * near + far;
  to[to_apart] = 2 * left + right;
  to[2 * to_apart] = far - near;
  to[3 * to_apart] = left + 2 * right + g;
}

/* The 16 outputs of a tile, in rows, times 9 and a power of two each; `sums` has its positions,
 * HWK_WINOGRAD4_ROWS from each other. */
HWK_NOINLINE void hwk_winograd4_back(const uint32_t *sums, uint32_t outputs[16]) {
  uint32_t columns[HWK_WINOGRAD4_SIDE * HWK_WINOGRAD4_EDGE];
#pragma GCC unroll 1
  for (int32_t k = 0; k < HWK_WINOGRAD4_EDGE; ++k) {
    hwk_winograd4_backward(sums + k * HWK_WINOGRAD4_ROWS,
                           HWK_WINOGRAD4_EDGE * HWK_WINOGRAD4_ROWS, columns + k,
                           HWK_WINOGRAD4_EDGE);
  }
#pragma GCC unroll 1
  for (int32_t k = 0; k < HWK_WINOGRAD4_SIDE; ++k) {
    hwk_winograd4_backward(columns + k * HWK_WINOGRAD4_EDGE, 1, outputs + k * HWK_WINOGRAD4_SIDE,
                           1);
  }
}

/* Rescales and writes a tile's outputs of one channel; those outside of the map are dropped. `to` is
 * the first one's place, (y, x), and `factors` the four words of the channel. */
HWK_INLINE void hwk_winograd4_store(const hwk_conv2d_t *d, const uint32_t *outputs,
                                    const int32_t *factors, int32_t y, int32_t x, int8_t *to) {
  static const uint32_t undo[HWK_WINOGRAD4_SIDE] = {
      HWK_WINOGRAD4_NINTH, HWK_WINOGRAD4_NINTH << 1, HWK_WINOGRAD4_NINTH << 2,
      HWK_WINOGRAD4_NINTH << 2};
  static const uint32_t powers[HWK_WINOGRAD4_SIDE] = {1, 2, 4, 4};
  int32_t next = d->output_channels, below = d->window.output_width * next;
  int32_t rows = hwk_min(d->window.output_height - y, HWK_WINOGRAD4_SIDE);
  int32_t columns = hwk_min(d->window.output_width - x, HWK_WINOGRAD4_SIDE);
  for (int32_t r = 0; r < rows; ++r, to += below, outputs += HWK_WINOGRAD4_SIDE) {
    int8_t *at = to;
    uint32_t row = undo[r];
#pragma GCC unroll 1
    for (int32_t c = 0; c < columns; ++c, at += next) {
      int32_t sum = (int32_t)(outputs[c] * row * powers[c] + (uint32_t)factors[0]) >> 6;
      int32_t high = hwk_add_high_rounded(factors[2], 2 * sum, factors[1]) + (sum >> 31);
      *at = (int8_t)hwk_saturate(high >> factors[3], -128, 127);
    }
  }
}

HWK_INLINE void hwk_conv2d_s8_winograd4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                        void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t words = HWK_WINOGRAD4_POSITIONS * w->channels / 2;
  int32_t *tile = scratch, *sums = tile + words;
  for (int32_t y = 0; y < w->output_height; y += HWK_WINOGRAD4_SIDE) {
    for (int32_t x = 0; x < w->output_width; x += HWK_WINOGRAD4_SIDE) {
      hwk_winograd4_inputs(d, input, y, x, (int16_t *)tile);
      const int32_t *stream = d->weights;
      for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD4_ROWS) {
        const int32_t *factors = stream + HWK_WINOGRAD4_ROWS * words;
        hwk_winograd4_products(stream, tile, sums, w->channels / 2, sums);
        int32_t count = hwk_min(d->output_channels - channel, HWK_WINOGRAD4_ROWS);
        int8_t *to = (int8_t *)output + (y * w->output_width + x) * d->output_channels + channel;
        for (int32_t n = 0; n < count; ++n, factors += HWK_WINOGRAD4_FACTORS) {
          uint32_t outputs[HWK_WINOGRAD4_SIDE * HWK_WINOGRAD4_SIDE];
          hwk_winograd4_back((const uint32_t *)sums + n, outputs);
          hwk_winograd4_store(d, outputs, factors, y, x, to + n);
        }
        stream += HWK_WINOGRAD4_ROWS * (words + HWK_WINOGRAD4_FACTORS);
      }
    }
  }
}

#endif
