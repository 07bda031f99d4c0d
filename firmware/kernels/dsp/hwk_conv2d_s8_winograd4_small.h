/* 2-D convolution 3x3, stride 1, by F(4x4, 3x3) (hwk_winograd4.h), with int8 weights in flash that
 * are transformed when they are needed: once for each eight tiles of up to 32 channels, each four of
 * more. For layers of many channels on small maps, where the transformed weights would be large and
 * the transformed inputs are not.
 *
 * Of the descriptor's tables only `weights` is there: of each output channel its int8 weights as
 * everywhere, then its factors. Half of the positions of two output channels' weights are made at a
 * time. */
#ifndef HWK_CONV2D_S8_WINOGRAD4_SMALL_H
#define HWK_CONV2D_S8_WINOGRAD4_SMALL_H

#include <hwk_weights.h>
#include <hwk_winograd4_inputs.h>
#include <hwk_winograd4_outputs.h>

#define HWK_WINOGRAD4_HALF (HWK_WINOGRAD4_POSITIONS / 2)
#define HWK_WINOGRAD4_MOST_TILES (2 * HWK_WINOGRAD_FOURS)

/* Tiles that are transformed together. */
HWK_INLINE int32_t hwk_winograd4_small_tiles(const hwk_conv2d_t *d) {
  return d->window.channels <= 32 ? HWK_WINOGRAD4_MOST_TILES : HWK_WINOGRAD_FOURS;
}

/* Tiles, half of two channels' weights, and the sums of the tiles with two channels. */
HWK_INLINE size_t hwk_conv2d_s8_winograd4_small_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t tiles = hwk_winograd4_small_tiles(d);
  int32_t words = (tiles + 1) * hwk_winograd4_tile_words(d);
  return (size_t)(words + tiles / HWK_WINOGRAD_FOURS * HWK_WINOGRAD4_SUMS) * sizeof(int32_t);
}

/* 6 x of two halves. */
HWK_INLINE int32_t hwk_winograd4_six_times(int32_t x) {
  int32_t three = __sadd16(__sadd16(x, x), x);
  return __sadd16(three, three);
}

/* The first three rows of G times a column of the kernel, or the last three. */
HWK_INLINE void hwk_winograd4_column_of(int last, int32_t a, int32_t b, int32_t c, int32_t to[3]) {
  if (last) {
    int32_t twice = __sadd16(c, c), outer = __sadd16(a, __sadd16(twice, twice));
    int32_t middle = __sadd16(b, b);
    to[0] = __sadd16(outer, middle);
    to[1] = __ssub16(outer, middle);
    to[2] = hwk_winograd4_six_times(c);
  } else {
    int32_t outer = __sadd16(a, c);
    to[0] = hwk_winograd4_six_times(a);
    to[1] = __sadd16(outer, b);
    to[2] = __ssub16(outer, b);
  }
}

/* Half of the positions of four channels of a kernel's weights, `odd` 0 of the first and third of
 * them, else of the second and fourth: to words `apart` from each other. */
HWK_INLINE void hwk_winograd4_weights(const int8_t *taps, int32_t channels, int odd, int last,
                                      int32_t *to, int32_t apart) {
  int32_t columns[3][3];
  for (int32_t c = 0; c < 3; ++c) {
    int32_t rows[3];
    for (int32_t r = 0; r < 3; ++r) {
      uint32_t word = hwk_load4_aligned(taps + (3 * r + c) * channels);
      rows[r] = odd ? hwk_odd_pair(word) : hwk_even_pair(word);
    }
    hwk_winograd4_column_of(last, rows[0], rows[1], rows[2], columns[c]);
  }
  for (int32_t r = 0; r < 3; ++r) {
    int32_t row[6];
    hwk_winograd4_column_of(0, columns[0][r], columns[1][r], columns[2][r], row);
    hwk_winograd4_column_of(1, columns[0][r], columns[1][r], columns[2][r], row + 3);
    for (int32_t c = 0; c < 6; ++c, to += apart) {
      to[0] = row[c];
    }
  }
}

/* The same of all channels: of each position, of each pair of channels, every second word. */
HWK_NOINLINE void hwk_winograd4_row(const int8_t *taps, int32_t channels, int last, int32_t *to) {
  for (int32_t c = 0; c < channels; c += 4, taps += 4, to += 2 * HWK_WINOGRAD_TWOS) {
    hwk_winograd4_weights(taps, channels, 0, last, to, channels);
    hwk_winograd4_weights(taps, channels, 1, last, to + HWK_WINOGRAD_TWOS, channels);
  }
}

/* The sums of channels `channel` and `channel` + 1 with the tiles; the last of an odd number is
 * taken twice. */
HWK_INLINE void hwk_winograd4_small_sums(const hwk_conv2d_t *d, int32_t channel,
                                         const int32_t *tiles, int32_t count, int32_t *room,
                                         int32_t *sums) {
  int32_t channels = d->window.channels, words = hwk_winograd4_tile_words(d);
  int32_t row_words = 9 * channels / 4 + HWK_WINOGRAD4_FACTORS;
  const int32_t *row = (const int32_t *)d->weights + channel * row_words;
  const int32_t *second = channel + 1 < d->output_channels ? row + row_words : row;
  for (int last = 0; last < 2; ++last) {
    hwk_winograd4_row((const int8_t *)row, channels, last, room);
    hwk_winograd4_row((const int8_t *)second, channels, last, room + 1);
    const int32_t *at = tiles + last * (HWK_WINOGRAD_FOURS / 2) * words;
    int32_t *to = sums + last * HWK_WINOGRAD4_SUMS / 2;
    for (int32_t n = 0; n < count; n += HWK_WINOGRAD_FOURS) {
      hwk_winograd_products(at, room, to, channels / 2, to + HWK_WINOGRAD4_SUMS / 2);
      at += HWK_WINOGRAD_FOURS * words;
      to += HWK_WINOGRAD4_SUMS;
    }
  }
}

HWK_INLINE void hwk_conv2d_s8_winograd4_small(const hwk_conv2d_t *d, const int8_t *input,
                                              void *output, void *scratch) {
  int32_t words = hwk_winograd4_tile_words(d), most = hwk_winograd4_small_tiles(d);
  int32_t row_words = 9 * d->window.channels / 4 + HWK_WINOGRAD4_FACTORS;
  int32_t *tiles = scratch, *room = tiles + most * words, *sums = room + words;
  hwk_winograd4_place_t next = {0, 0};
  while (next.y < d->window.output_height) {
    hwk_winograd4_place_t at[HWK_WINOGRAD4_MOST_TILES];
    int32_t count = 0;
    for (; count < most && next.y < d->window.output_height; ++count) {
      int32_t four = count / HWK_WINOGRAD_FOURS, n = count % HWK_WINOGRAD_FOURS;
      at[count] = next;
      hwk_winograd4_inputs(d, input, next, tiles + four * HWK_WINOGRAD_FOURS * words + n,
                           HWK_WINOGRAD_FOURS);
      hwk_winograd4_next(d, &next);
    }
    const int32_t *factors = (const int32_t *)d->weights + row_words - HWK_WINOGRAD4_FACTORS;
    for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD_TWOS) {
      hwk_winograd4_small_sums(d, channel, tiles, count, room, sums);
      for (int32_t c = 0; c < HWK_WINOGRAD_TWOS && channel + c < d->output_channels; ++c) {
        for (int32_t n = 0; n < count; ++n) {
          const int32_t *of = sums + n / HWK_WINOGRAD_FOURS * HWK_WINOGRAD4_SUMS;
          of += c * HWK_WINOGRAD_FOURS + n % HWK_WINOGRAD_FOURS;
          hwk_winograd4_store(d, of, 0, factors, at[n], channel + c, 1, output);
        }
        factors += row_words;
      }
    }
  }
}

#endif
