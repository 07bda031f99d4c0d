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

/* Words of a transformed tile, and of a pair of output channels' transformed weights. */
HWK_INLINE int32_t hwk_winograd_tile_words(const hwk_conv2d_t *d) {
  return HWK_WINOGRAD_POSITIONS * d->window.channels / 2;
}

HWK_INLINE int32_t hwk_winograd_tiles_across(const hwk_conv2d_t *d) {
  return (d->window.output_width + 1) / 2;
}

HWK_INLINE int32_t hwk_winograd_tiles(const hwk_conv2d_t *d) {
  return hwk_winograd_tiles_across(d) * ((d->window.output_height + 1) / 2);
}

/* B^T of four pairs, `apart` words from each other. */
HWK_INLINE void hwk_winograd_forward(int32_t *pairs, int32_t apart) {
  int32_t a = pairs[0], b = pairs[apart], c = pairs[2 * apart], e = pairs[3 * apart];
  pairs[0] = __ssub16(a, c);
  pairs[apart] = __sadd16(b, c);
  pairs[2 * apart] = __ssub16(c, b);
  pairs[3 * apart] = __ssub16(b, e);
}

/* Transforms two pairs of channels of a tile; `bytes` has its 16 words of four channels. */
HWK_INLINE void hwk_winograd_four_channels(const uint32_t *bytes, int32_t *to, int32_t apart) {
  for (int32_t half = 0; half < 2; ++half, to += HWK_WINOGRAD_TILES) {
    int32_t pairs[HWK_WINOGRAD_POSITIONS];
    for (int32_t column = 0; column < 4; ++column) {
      for (int32_t row = 0; row < 4; ++row) {
        uint32_t word = bytes[4 * row + column];
        pairs[4 * row + column] = half == 0 ? hwk_even_pair(word) : hwk_odd_pair(word);
      }
      hwk_winograd_forward(pairs + column, 4);
    }
    for (int32_t row = 0; row < 4; ++row) {
      hwk_winograd_forward(pairs + 4 * row, 1);
    }
    for (int32_t position = 0; position < HWK_WINOGRAD_POSITIONS; ++position) {
      to[position * apart] = pairs[position];
    }
  }
}

/* Transforms the inputs of the tile whose first output is (y, x). */
HWK_INLINE void hwk_winograd_inputs(const hwk_conv2d_t *d, const int8_t *input, int32_t y,
                                    int32_t x, int32_t *to) {
  const hwk_window_t *w = &d->window;
  uint32_t padding = (uint32_t)(uint8_t)d->input_zero_point * 0x01010101u;
  int32_t apart = w->channels / 2 * HWK_WINOGRAD_TILES;
  int32_t top = y - w->padding_top, left = x - w->padding_left;
  for (int32_t c = 0; c < w->channels; c += 4, to += 2 * HWK_WINOGRAD_TILES) {
    uint32_t bytes[HWK_WINOGRAD_POSITIONS];
    for (int32_t row = 0; row < 4; ++row) {
      for (int32_t column = 0; column < 4; ++column) {
        int inside = top + row >= 0 && top + row < w->input_height && left + column >= 0 &&
                     left + column < w->input_width;
        int32_t at = ((top + row) * w->input_width + left + column) * w->channels + c;
        bytes[4 * row + column] = inside ? hwk_load4_aligned(input + at) : padding;
      }
    }
    hwk_winograd_four_channels(bytes, to, apart);
  }
}

/* A^T of four sums: three of them added, and three with the last two taken away. */
HWK_INLINE int32_t hwk_winograd_upper(int32_t a, int32_t b, int32_t c) {
  return hwk_wrapping_add(hwk_wrapping_add(a, b), c);
}
HWK_INLINE int32_t hwk_winograd_lower(int32_t b, int32_t c, int32_t e) {
  return (int32_t)((uint32_t)b - (uint32_t)c - (uint32_t)e);
}

/* Rescales and writes the outputs of a tile of one channel; `sums` has its positions, `apart`
 * words from each other. Outputs outside of the map are dropped. */
HWK_INLINE void hwk_winograd_outputs(const hwk_conv2d_t *d, const hwk_channel_t *scale,
                                     int32_t channel, const int32_t *sums, int32_t y, int32_t x,
                                     void *output) {
  const int32_t apart = HWK_WINOGRAD_ROWS * HWK_WINOGRAD_TILES;
  const hwk_window_t *w = &d->window;
  int32_t upper[4], lower[4];
  for (int32_t column = 0; column < 4; ++column) {
    const int32_t *at = sums + column * apart;
    int32_t b = at[4 * apart], c = at[8 * apart];
    upper[column] = hwk_winograd_upper(at[0], b, c);
    lower[column] = hwk_winograd_lower(b, c, at[12 * apart]);
  }
  for (int32_t row = 0; row < 2 && y + row < w->output_height; ++row) {
    const int32_t *m = row == 0 ? upper : lower;
    int32_t index = ((y + row) * w->output_width + x) * d->output_channels + channel;
    int32_t left = hwk_winograd_upper(m[0], m[1], m[2]) >> 2;
    hwk_store_scaled(&d->rescale, scale, output, index,
                     hwk_wrapping_add(left, d->bias[channel]));
    if (x + 1 < w->output_width) {
      int32_t right = hwk_winograd_lower(m[1], m[2], m[3]) >> 2;
      hwk_store_scaled(&d->rescale, scale, output, index + d->output_channels,
                       hwk_wrapping_add(right, d->bias[channel]));
    }
  }
}

/* Outputs of `count` tiles from tile `first` on, two channels, from their sums. */
HWK_INLINE void hwk_winograd_store(const hwk_conv2d_t *d, int32_t channel, const int32_t *sums,
                                   int32_t first, int32_t count, void *output) {
  int32_t across = hwk_winograd_tiles_across(d);
  int32_t rows = hwk_min(d->output_channels - channel, HWK_WINOGRAD_ROWS);
  for (int32_t r = 0; r < rows; ++r) {
    hwk_channel_t scale = hwk_channel(&d->rescale, channel + r);
    for (int32_t n = 0; n < count; ++n) {
      int32_t tile = first + n;
      hwk_winograd_outputs(d, &scale, channel + r, sums + r * HWK_WINOGRAD_TILES + n,
                           tile / across * 2, tile % across * 2, output);
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
  int32_t all = hwk_winograd_tiles(d), across = hwk_winograd_tiles_across(d);
  for (int32_t first = 0; first < all; first += most) {
    int32_t count = hwk_min(all - first, most);
    for (int32_t n = 0; n < count; ++n) {
      int32_t tile = first + n;
      int32_t *group = tiles + n / HWK_WINOGRAD_TILES * HWK_WINOGRAD_TILES * words;
      hwk_winograd_inputs(d, input, tile / across * 2, tile % across * 2,
                          group + n % HWK_WINOGRAD_TILES);
    }
    for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD_ROWS) {
      const int32_t *rows = rows_of(d, channel, room);
      for (int32_t n = 0; n < count; n += HWK_WINOGRAD_TILES) {
        hwk_winograd_products(tiles + n * words, rows, sums, d->window.channels / 2);
        hwk_winograd_store(d, channel, sums, first + n, hwk_min(count - n, HWK_WINOGRAD_TILES),
                           output);
      }
    }
  }
}

#endif
