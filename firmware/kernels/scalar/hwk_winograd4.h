/* What the kernels by Winograd's F(4x4, 3x3) for cores without SIMD share.
 *
 * With the rows of the usual G freed of their fractions, and d a tile of 6x6 inputs plus 128, g a
 * kernel of 3x3:
 *
 *   A^T [ (G g G^T) . (B^T d B) ] A  =  s s^T . Y,   s = (24, 12, 6, 6)
 *
 * Transformed inputs are -12,750 .. 17,340, weights at most 6,272 in magnitude: both are kept in 16
 * bits, and their products summed modulo 2^32. Every s_i * s_j is 9 times a power of two, so the
 * inverse of 9 modulo 2^32 and the missing power give 64 * Y, which is exact where |Y| < 2^25, what is
 * added to it included: the condition in hwkit/targets/mcu/winograd4.py.
 *
 * Six words of each channel follow its weights:
 *
 *   64 * (bias - first - 128 * sum of the weights) modulo 2^32
 *   64 * last, multiplier, offset, 64 * zero, step: the factors of a staircase (hwk_stairs.h) */
#ifndef HWK_WINOGRAD4_H
#define HWK_WINOGRAD4_H

#include <hwk_kernels.h>
#include <hwk_stairs.h>
#include <hwk_window.h>

#define HWK_WINOGRAD4_SIDE 4            /* outputs of a tile in a row */
#define HWK_WINOGRAD4_EDGE 6            /* inputs of a tile in a row */
#define HWK_WINOGRAD4_POSITIONS 36      /* of a transformed tile */
#define HWK_WINOGRAD4_FACTORS 6         /* words of a channel */
#define HWK_WINOGRAD4_SUMS 4            /* of a position, side by side */
#define HWK_WINOGRAD4_NINTH 0x38E38E39u /* times 9 is 1 modulo 2^32 */

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

/* Transforms the tile whose first output is (y, x); channel c goes to to[place(c)]. At the border a
 * channel is copied between the padding, which is the same for all. */
HWK_INLINE void hwk_winograd4_inputs(const hwk_conv2d_t *d, const int8_t *input, int32_t y,
                                     int32_t x, int16_t *to, int32_t (*place)(int32_t),
                                     int32_t apart) {
  const hwk_window_t *w = &d->window;
  int32_t top = y - w->padding_top, left = x - w->padding_left, row = w->input_width * w->channels;
  int32_t first_row = hwk_max(-top, 0), first = hwk_max(-left, 0);
  int32_t rows = hwk_min(w->input_height - top, HWK_WINOGRAD4_EDGE) - first_row;
  int32_t columns = hwk_min(w->input_width - left, HWK_WINOGRAD4_EDGE) - first;
  const int8_t *from = input + (top + first_row) * row + (left + first) * w->channels;
  if (rows == HWK_WINOGRAD4_EDGE && columns == HWK_WINOGRAD4_EDGE) {
#pragma GCC unroll 1
    for (int32_t c = 0; c < w->channels; ++c) {
      hwk_winograd4_transform(from + c, row, w->channels, to + place(c), apart);
    }
    return;
  }
  int8_t tile[HWK_WINOGRAD4_POSITIONS];
  for (int32_t k = 0; k < HWK_WINOGRAD4_POSITIONS; ++k) {
    tile[k] = (int8_t)d->input_zero_point;
  }
  int8_t *inside = tile + first_row * HWK_WINOGRAD4_EDGE + first;
#pragma GCC unroll 1
  for (int32_t c = 0; c < w->channels; ++c) {
#pragma GCC unroll 1
    for (int32_t r = 0; r < rows; ++r) {
      const int8_t *at = from + r * row + c;
      int8_t *end = inside + r * HWK_WINOGRAD4_EDGE + columns;
#pragma GCC unroll 1
      for (int8_t *copy = end - columns; copy < end; at += w->channels) {
        *copy++ = *at;
      }
    }
    hwk_winograd4_transform(tile, HWK_WINOGRAD4_EDGE, 1, to + place(c), apart);
  }
}

/* Where a tile's first output lies. */
typedef struct {
  int32_t y;
  int32_t x;
} hwk_winograd4_place_t;

/* The tile behind that at `place`, along the rows. */
HWK_INLINE hwk_winograd4_place_t hwk_winograd4_next(const hwk_window_t *w,
                                                    hwk_winograd4_place_t place) {
  place.x += HWK_WINOGRAD4_SIDE;
  if (place.x >= w->output_width) {
    place.x = 0;
    place.y += HWK_WINOGRAD4_SIDE;
  }
  return place;
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

/* The 16 outputs of a tile and a channel from the sums of its positions, HWK_WINOGRAD4_SUMS from each
 * other; `to` is the first one's place, and others lie `row` and `pixel` bytes from it. */
HWK_NOINLINE void hwk_winograd4_finish(const uint32_t *sums, const int32_t *factors, int8_t *to,
                                       int32_t row, int32_t pixel) {
  uint32_t columns[HWK_WINOGRAD4_SIDE * HWK_WINOGRAD4_EDGE];
#pragma GCC unroll 1
  for (int32_t k = 0; k < HWK_WINOGRAD4_EDGE; ++k) {
    hwk_winograd4_backward(sums + k * HWK_WINOGRAD4_SUMS, HWK_WINOGRAD4_EDGE * HWK_WINOGRAD4_SUMS,
                           columns + k, HWK_WINOGRAD4_EDGE);
  }
  /* Read once: what is written could lie there. */
  uint32_t start = (uint32_t)factors[0], undo = HWK_WINOGRAD4_NINTH;
  hwk_stairs_64_t stairs = {(uint32_t)factors[1], (uint32_t)factors[2], factors[3],
                            (uint32_t)factors[4], factors[5]};
#pragma GCC unroll 1
  for (int32_t k = 0; k < HWK_WINOGRAD4_SIDE; ++k, to += row) {
    uint32_t outputs[HWK_WINOGRAD4_SIDE];
    hwk_winograd4_backward(columns + k * HWK_WINOGRAD4_EDGE, 1, outputs, 1);
    int8_t *at = to;
    for (int32_t n = 0; n < HWK_WINOGRAD4_SIDE; ++n, at += pixel) {
      *at = (int8_t)hwk_staircase_64((outputs[n] << hwk_min(n, 2)) * undo + start, &stairs);
    }
    undo <<= k < 2 ? 1 : 0;
  }
}

/* Writes a tile's outputs of channel `channel`, whose first one is (y, x); those outside of the map
 * are dropped. */
HWK_INLINE void hwk_winograd4_store(const hwk_conv2d_t *d, const int32_t *sums,
                                    const int32_t *factors, int32_t y, int32_t x, int32_t channel,
                                    int8_t *output) {
  const hwk_window_t *w = &d->window;
  int32_t pixel = d->output_channels, row = w->output_width * pixel;
  int8_t *to = output + y * row + x * pixel + channel;
  int32_t rows = hwk_min(w->output_height - y, HWK_WINOGRAD4_SIDE);
  int32_t columns = hwk_min(w->output_width - x, HWK_WINOGRAD4_SIDE);
  if (rows == HWK_WINOGRAD4_SIDE && columns == HWK_WINOGRAD4_SIDE) {
    hwk_winograd4_finish((const uint32_t *)sums, factors, to, row, pixel);
    return;
  }
  int8_t tile[HWK_WINOGRAD4_SIDE * HWK_WINOGRAD4_SIDE];
  hwk_winograd4_finish((const uint32_t *)sums, factors, tile, HWK_WINOGRAD4_SIDE, 1);
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < columns; ++c) {
      to[r * row + c * pixel] = tile[r * HWK_WINOGRAD4_SIDE + c];
    }
  }
}

#endif
