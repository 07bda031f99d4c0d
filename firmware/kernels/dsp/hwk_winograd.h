/* Convolution 3x3 at a stride of 1 by Winograd's F(2x2, 3x3): four outputs of 36 products take 16
 * (Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, CVPR 2016). In integers,
 * and so the very sums that a direct convolution gives:
 *
 *   4 Y = A^T [ (2G g (2G)^T) . (B^T d B) ] A
 *
 * for a tile d of 4x4 inputs and a kernel g of 3x3, where 2G has the rows (2 0 0), (1 1 1),
 * (1 -1 1), (0 0 2): the halves of the usual G are gone, and the last shift to the right by 2 is a
 * division without a rest. With int8 the transformed inputs are at most 512, the weights 1,152 in
 * magnitude: both fit 16 bits and are multiplied two channels at a time. Sums are modulo 2^32, and 4
 * times 9 * channels products of int8 fit that up to 3,640 channels. The bias comes after the shift.
 *
 * Channels come in pairs as SXTB16 gives them: of each four the first and third, then the second and
 * fourth. */
#ifndef HWK_WINOGRAD_H
#define HWK_WINOGRAD_H

#include <hwk_store.h>
#include <hwk_tile_winograd.h>
#include <hwk_window.h>

#define HWK_WINOGRAD_POSITIONS 16 /* of a transformed tile of 4x4 */
#define HWK_WINOGRAD_TILES HWK_WINOGRAD_FOURS
#define HWK_WINOGRAD_ROWS HWK_WINOGRAD_TWOS
#define HWK_WINOGRAD_SUMS (HWK_WINOGRAD_POSITIONS * HWK_WINOGRAD_PRODUCTS)

/* Tiles that are transformed together, by four, at the most. */
#define HWK_WINOGRAD_MOST_FOURS 2

/* Words of a transformed tile, and of a pair of output channels' transformed weights. */
HWK_INLINE int32_t hwk_winograd_tile_words(const hwk_conv2d_t *d) {
  return HWK_WINOGRAD_POSITIONS * d->window.channels / 2;
}

/* B^T of four pairs: to the first word of `to` and the ones behind it, `apart` from each other. */
HWK_INLINE void hwk_winograd_forward(int32_t a, int32_t b, int32_t c, int32_t e, int32_t *to,
                                     int32_t apart) {
  to[0] = __ssub16(a, c);
  to += apart;
  to[0] = __sadd16(b, c);
  to += apart;
  to[0] = __ssub16(c, b);
  to += apart;
  to[0] = __ssub16(b, e);
}

/* Rows of a tile whose columns are transformed: to positions `apart` words from each other. */
HWK_INLINE void hwk_winograd_forward_rows(const int32_t *rows, int32_t *to, int32_t apart) {
  for (int32_t row = 0; row < 4; ++row, rows += 4, to += 4 * apart) {
    hwk_winograd_forward(rows[0], rows[1], rows[2], rows[3], to, apart);
  }
}

/* Transforms four channels of a tile. The words of its pixels lie `pixel` bytes from each other, its
 * rows `row` bytes; the positions go to words `apart` from each other, the second pair of channels
 * behind the first. A function of its own: every register is needed. */
HWK_NOINLINE void hwk_winograd_four_channels(const int8_t *at, int32_t row, int32_t pixel,
                                             int32_t *to, int32_t apart) {
  int32_t even[HWK_WINOGRAD_POSITIONS], odd[HWK_WINOGRAD_POSITIONS];
  for (int32_t column = 0; column < 4; ++column, at += pixel) {
    uint32_t a = hwk_load4_aligned(at), b = hwk_load4_aligned(at + row);
    uint32_t c = hwk_load4_aligned(at + 2 * row), e = hwk_load4_aligned(at + 3 * row);
    hwk_winograd_forward(hwk_even_pair(a), hwk_even_pair(b), hwk_even_pair(c), hwk_even_pair(e),
                         even + column, 4);
    hwk_winograd_forward(hwk_odd_pair(a), hwk_odd_pair(b), hwk_odd_pair(c), hwk_odd_pair(e),
                         odd + column, 4);
  }
  hwk_winograd_forward_rows(even, to, apart);
  hwk_winograd_forward_rows(odd, to + HWK_WINOGRAD_TILES, apart);
}

/* The words of four channels from `c` on of a tile at the border, the padding in its place. */
HWK_INLINE void hwk_winograd_bordered(const hwk_window_t *w, const int8_t *input, int32_t top,
                                      int32_t left, int32_t c, uint32_t padding,
                                      uint32_t words[HWK_WINOGRAD_POSITIONS]) {
  for (int32_t n = 0; n < HWK_WINOGRAD_POSITIONS; ++n) {
    int32_t y = top + n / 4, x = left + n % 4;
    int inside = y >= 0 && y < w->input_height && x >= 0 && x < w->input_width;
    words[n] =
        inside ? hwk_load4_aligned(input + (y * w->input_width + x) * w->channels + c) : padding;
  }
}

/* Transforms the inputs of the tile whose first output is (y, x). */
HWK_INLINE void hwk_winograd_inputs(const hwk_conv2d_t *d, const int8_t *input, int32_t y,
                                    int32_t x, int32_t *to) {
  const hwk_window_t *w = &d->window;
  uint32_t padding = (uint32_t)(uint8_t)d->input_zero_point * 0x01010101u;
  int32_t apart = w->channels / 2 * HWK_WINOGRAD_TILES;
  int32_t top = y - w->padding_top, left = x - w->padding_left;
  int inside = top >= 0 && left >= 0 && top + 4 <= w->input_height && left + 4 <= w->input_width;
  for (int32_t c = 0; c < w->channels; c += 4, to += 2 * HWK_WINOGRAD_TILES) {
    if (inside) {
      const int8_t *at = input + (top * w->input_width + left) * w->channels + c;
      hwk_winograd_four_channels(at, w->input_width * w->channels, w->channels, to, apart);
    } else {
      uint32_t words[HWK_WINOGRAD_POSITIONS];
      hwk_winograd_bordered(w, input, top, left, c, padding, words);
      hwk_winograd_four_channels((const int8_t *)words, 16, 4, to, apart);
    }
  }
}

/* A^T of four sums: three of them added, and three with the last two taken away. */
HWK_INLINE int32_t hwk_winograd_upper(int32_t a, int32_t b, int32_t c) {
  return hwk_wrapping_add(hwk_wrapping_add(a, b), c);
}
HWK_INLINE int32_t hwk_winograd_lower(int32_t b, int32_t c, int32_t e) {
  return (int32_t)((uint32_t)b - (uint32_t)c - (uint32_t)e);
}

/* The four outputs of a tile before their bias, in rows; `sums` has its positions, a row of
 * channels and tiles from each other. */
HWK_INLINE void hwk_winograd_back(const int32_t *sums, int32_t outputs[4]) {
  const int32_t apart = HWK_WINOGRAD_ROWS * HWK_WINOGRAD_TILES;
  int32_t upper[4], lower[4];
  for (int32_t column = 0; column < 4; ++column) {
    const int32_t *at = sums + column * apart;
    int32_t b = at[4 * apart], c = at[8 * apart];
    upper[column] = hwk_winograd_upper(at[0], b, c);
    lower[column] = hwk_winograd_lower(b, c, at[12 * apart]);
  }
  outputs[0] = hwk_winograd_upper(upper[0], upper[1], upper[2]) >> 2;
  outputs[1] = hwk_winograd_lower(upper[1], upper[2], upper[3]) >> 2;
  outputs[2] = hwk_winograd_upper(lower[0], lower[1], lower[2]) >> 2;
  outputs[3] = hwk_winograd_lower(lower[1], lower[2], lower[3]) >> 2;
}

/* A place in the map of outputs that goes from tile to tile, row by row. */
typedef struct {
  int32_t y;
  int32_t x;
} hwk_winograd_place_t;

HWK_INLINE void hwk_winograd_next(const hwk_conv2d_t *d, hwk_winograd_place_t *at) {
  at->x += 2;
  if (at->x >= d->window.output_width) {
    at->x = 0;
    at->y += 2;
  }
}

/* Rescales and writes the outputs of one channel of `count` tiles from `at` on; those outside of the
 * map are dropped. */
HWK_INLINE void hwk_winograd_store(const hwk_conv2d_t *d, int32_t channel, const int32_t *sums,
                                   hwk_winograd_place_t at, int32_t count, void *output) {
  const hwk_window_t *w = &d->window;
  const hwk_rescale_t *r = &d->rescale;
  hwk_channel_t scale = hwk_channel(r, channel);
  int32_t bias = d->bias[channel];
  int32_t next = d->output_channels, below = w->output_width * next;
  for (; count > 0; --count, ++sums, hwk_winograd_next(d, &at)) {
    int32_t y[4];
    hwk_winograd_back(sums, y);
    int32_t index = at.y * below + at.x * next + channel;
    int wide = at.x + 1 < w->output_width;
    hwk_store_scaled(r, &scale, output, index, hwk_wrapping_add(y[0], bias));
    if (wide) {
      hwk_store_scaled(r, &scale, output, index + next, hwk_wrapping_add(y[1], bias));
    }
    if (at.y + 1 < w->output_height) {
      hwk_store_scaled(r, &scale, output, index + below, hwk_wrapping_add(y[2], bias));
      if (wide) {
        hwk_store_scaled(r, &scale, output, index + below + next, hwk_wrapping_add(y[3], bias));
      }
    }
  }
}

/* A pair of output channels' transformed weights, where they are or after they have been made. */
typedef const int32_t *hwk_winograd_rows_t(const hwk_conv2d_t *d, int32_t channel, int32_t *room);

/* `most` tiles at a time, a multiple of four, are transformed into `scratch`, then multiplied by
 * the rows of each pair of channels. Missing tiles are multiplied as they lie there, and dropped. */
HWK_INLINE void hwk_winograd(const hwk_conv2d_t *d, const int8_t *input, void *output,
                             void *scratch, int32_t most, hwk_winograd_rows_t *rows_of) {
  int32_t words = hwk_winograd_tile_words(d);
  int32_t *tiles = scratch, *sums = tiles + most * words, *room = sums + HWK_WINOGRAD_SUMS;
  hwk_winograd_place_t at = {0, 0};
  while (at.y < d->window.output_height) {
    hwk_winograd_place_t fours[HWK_WINOGRAD_MOST_FOURS];
    int32_t count = 0;
    for (; count < most && at.y < d->window.output_height; ++count) {
      int32_t four = count / HWK_WINOGRAD_TILES, n = count % HWK_WINOGRAD_TILES;
      if (n == 0) {
        fours[four] = at;
      }
      hwk_winograd_inputs(d, input, at.y, at.x, tiles + four * HWK_WINOGRAD_TILES * words + n);
      hwk_winograd_next(d, &at);
    }
    for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD_ROWS) {
      const int32_t *rows = rows_of(d, channel, room);
      for (int32_t n = 0; n < count; n += HWK_WINOGRAD_TILES) {
        int32_t there = hwk_min(count - n, HWK_WINOGRAD_TILES);
        hwk_winograd_place_t from = fours[n / HWK_WINOGRAD_TILES];
        hwk_winograd_products(tiles + n * words, rows, sums, d->window.channels / 2, room);
        hwk_winograd_store(d, channel, sums, from, there, output);
        if (channel + 1 < d->output_channels) {
          hwk_winograd_store(d, channel + 1, sums + HWK_WINOGRAD_TILES, from, there, output);
        }
      }
    }
  }
}

#endif
