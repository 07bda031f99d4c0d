/* 2-D convolution 3x3, stride 1, by F(2x2, 3x3) (hwk_winograd.h), with int8 weights in flash that are
 * transformed when they are needed: once for each eight tiles. For layers of many channels on small
 * maps, where the transformed weights would be large and the transformed inputs are not. */
#ifndef HWK_CONV2D_S8_WINOGRAD_SMALL_H
#define HWK_CONV2D_S8_WINOGRAD_SMALL_H

#include <hwk_weights.h>
#include <hwk_winograd.h>

/* Tiles that are transformed together. */
#define HWK_WINOGRAD_SMALL_TILES (HWK_WINOGRAD_MOST_FOURS * HWK_WINOGRAD_TILES)

HWK_INLINE size_t hwk_conv2d_s8_winograd_small_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t words = hwk_winograd_tile_words(d);
  return (size_t)(HWK_WINOGRAD_SMALL_TILES * words + HWK_WINOGRAD_SUMS + 2 * words) *
         sizeof(int32_t);
}

/* 2G of three pairs: a at its place, a + b + c, a - b + c, c, with `apart` words between them. The
 * first and last come out doubled. */
HWK_INLINE void hwk_winograd_weights(int32_t a, int32_t b, int32_t c, int32_t *to, int32_t apart) {
  int32_t ends = __sadd16(a, c);
  to[0] = __sadd16(a, a);
  to[apart] = __sadd16(ends, b);
  to[2 * apart] = __ssub16(ends, b);
  to[3 * apart] = __sadd16(c, c);
}

/* The pair of row `row` of four channels at each tap: transformed to `to`, positions `apart` words
 * from each other. `half` 0 is the first and third channel, 1 the second and fourth. */
HWK_INLINE void hwk_winograd_transformed(const int8_t *row, int32_t channels, int32_t half,
                                         int32_t *to, int32_t apart) {
  int32_t columns[12];
  for (int32_t c = 0; c < 3; ++c) {
    int32_t taps[3];
    for (int32_t r = 0; r < 3; ++r) {
      uint32_t word = hwk_load4_aligned(row + (3 * r + c) * channels);
      taps[r] = half == 0 ? hwk_even_pair(word) : hwk_odd_pair(word);
    }
    hwk_winograd_weights(taps[0], taps[1], taps[2], columns + c, 3);
  }
  for (int32_t r = 0; r < 4; ++r) {
    hwk_winograd_weights(columns[3 * r], columns[3 * r + 1], columns[3 * r + 2], to + 4 * r * apart,
                         apart);
  }
}

/* Makes the rows of `channel` and the next one in `room`; the last of an odd number is taken twice,
 * and dropped behind. */
HWK_INLINE const int32_t *hwk_winograd_rows_made(const hwk_conv2d_t *d, int32_t channel,
                                                 int32_t *room) {
  int32_t channels = d->window.channels, apart = channels / 2 * HWK_WINOGRAD_ROWS;
  for (int32_t r = 0; r < HWK_WINOGRAD_ROWS; ++r) {
    int32_t o = hwk_min(channel + r, d->output_channels - 1);
    const int8_t *row = (const int8_t *)d->weights + o * 9 * channels;
    for (int32_t c = 0; c < channels; c += 4) {
      for (int32_t half = 0; half < 2; ++half) {
        int32_t *to = room + (c / 2 + half) * HWK_WINOGRAD_ROWS + r;
        hwk_winograd_transformed(row + c, channels, half, to, apart);
      }
    }
  }
  return room;
}

HWK_INLINE void hwk_conv2d_s8_winograd_small(const hwk_conv2d_t *d, const int8_t *input,
                                             void *output, void *scratch) {
  hwk_winograd(d, input, output, scratch, HWK_WINOGRAD_SMALL_TILES, hwk_winograd_rows_made);
}

#endif
