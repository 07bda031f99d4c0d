/* 2-D convolution 3x3, stride 1, by F(4x4, 3x3) (hwk_winograd4.h), with int8 weights in flash that
 * are transformed when they are needed: once for each four tiles of 4x4 outputs. For layers of many
 * channels on small maps, where the transformed weights would be large.
 *
 * Of the descriptor's tables only `weights` is there: of each output channel its int8 weights as
 * everywhere, then its factors. Half of the positions of two output channels' weights are made at a
 * time. */
#ifndef HWK_CONV2D_S8_WINOGRAD4_SMALL_H
#define HWK_CONV2D_S8_WINOGRAD4_SMALL_H

#include <hwk_winograd4_inputs.h>
#include <hwk_winograd4_outputs.h>
#include <hwk_winograd4_weights.h>

/* Four tiles, half of two channels' weights, and the sums of the tiles with two channels. */
HWK_INLINE size_t hwk_conv2d_s8_winograd4_small_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t words = (HWK_WINOGRAD_FOURS + 1) * hwk_winograd4_tile_words(d) + HWK_WINOGRAD4_SUMS;
  return (size_t)words * sizeof(int32_t);
}

/* The sums of channels `channel` and `channel` + 1 with four tiles; the last of an odd number is
 * taken twice. */
HWK_INLINE void hwk_winograd4_small_sums(const hwk_conv2d_t *d, int32_t channel,
                                         const int32_t *tiles, int32_t *room, int32_t *sums) {
  int32_t channels = d->window.channels, words = hwk_winograd4_tile_words(d);
  int32_t row_words = 9 * channels / 4 + HWK_WINOGRAD4_FACTORS;
  const int32_t *row = (const int32_t *)d->weights + channel * row_words;
  const int32_t *second = channel + 1 < d->output_channels ? row + row_words : row;
  for (int last = 0; last < 2; ++last) {
    hwk_winograd4_row_t *made = last ? hwk_winograd4_last_rows : hwk_winograd4_first_rows;
    made((const int8_t *)row, channels, room);
    made((const int8_t *)second, channels, room + 1);
    int32_t *end = sums + HWK_WINOGRAD4_SUMS / 2;
    hwk_winograd_products(tiles, room, sums, channels / 2, end);
    tiles += HWK_WINOGRAD_FOURS / 2 * words;
    sums = end;
  }
}

HWK_INLINE void hwk_conv2d_s8_winograd4_small(const hwk_conv2d_t *d, const int8_t *input,
                                              void *output, void *scratch) {
  int32_t words = hwk_winograd4_tile_words(d);
  int32_t row_words = 9 * d->window.channels / 4 + HWK_WINOGRAD4_FACTORS;
  int32_t *tiles = scratch, *room = tiles + HWK_WINOGRAD_FOURS * words, *sums = room + words;
  hwk_winograd4_place_t next = {0, 0};
  while (next.y < d->window.output_height) {
    hwk_winograd4_place_t at[HWK_WINOGRAD_FOURS];
    int32_t count = 0;
    for (; count < HWK_WINOGRAD_FOURS && next.y < d->window.output_height; ++count) {
      at[count] = next;
      hwk_winograd4_inputs(d, input, next, tiles + count, HWK_WINOGRAD_FOURS);
      hwk_winograd4_next(d, &next);
    }
    const int32_t *factors = (const int32_t *)d->weights + row_words - HWK_WINOGRAD4_FACTORS;
    for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD_TWOS) {
      hwk_winograd4_small_sums(d, channel, tiles, room, sums);
      int32_t end = hwk_min(channel + HWK_WINOGRAD_TWOS, d->output_channels);
      for (int32_t c = channel; c < end; ++c, factors += row_words) {
        const int32_t *of_channel = sums + (c - channel) * HWK_WINOGRAD_FOURS;
        for (int32_t n = 0; n < count; ++n) {
          hwk_winograd4_store(d, of_channel + n, 0, factors, at[n], c, 1, output);
        }
      }
    }
  }
}

#endif
