/* The loops of Winograd's F(4x4, 3x3) for cores without SIMD (hwk_winograd4.h) with transformed weights
 * in flash: 8 times the bytes of int8.
 *
 * Of the descriptor's tables only `weights` is there, of each four output channels, missing ones
 * zeros: of each position, of each pair of input channels (of four the first and third, then the
 * second and fourth), a word a channel; then the six words of each channel. Before including this a
 * variant defines HWK_WINOGRAD4_TILES and hwk_winograd4_products (hwk_tile_winograd4.h). */
#ifndef HWK_CONV2D_WINOGRAD4_H
#define HWK_CONV2D_WINOGRAD4_H

#include <hwk_tile_winograd4.h>
#include <hwk_winograd4.h>

/* Where a channel lies between the others: in the order of the weights. */
HWK_INLINE int32_t hwk_winograd4_in_pairs(int32_t c) {
  return (c & ~3) + 2 * (c & 1) + (c >> 1 & 1);
}

/* Transformed tiles, and the sums of each with four channels. */
HWK_INLINE size_t hwk_conv2d_winograd4_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t tile = 2 * d->window.channels + 4 * HWK_WINOGRAD4_SUMS;
  return (size_t)(HWK_WINOGRAD4_TILES * HWK_WINOGRAD4_POSITIONS * tile);
}

/* A last group of fewer tiles is multiplied together with what the others held, and those sums are
 * dropped. */
HWK_INLINE void hwk_conv2d_winograd4(const hwk_conv2d_t *d, const int8_t *input, int8_t *output,
                                     void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t words = HWK_WINOGRAD4_POSITIONS * w->channels / 2;
  int32_t *tiles = scratch, *sums = tiles + HWK_WINOGRAD4_TILES * words;
  hwk_winograd4_place_t place = {0, 0}, places[HWK_WINOGRAD4_TILES];
  while (place.y < w->output_height) {
    int32_t count = 0;
    for (; count < HWK_WINOGRAD4_TILES && place.y < w->output_height; ++count) {
      hwk_winograd4_inputs(d, input, place.y, place.x, (int16_t *)(tiles + count * words),
                           hwk_winograd4_in_pairs, w->channels);
      places[count] = place;
      place = hwk_winograd4_next(w, place);
    }
    const int32_t *stream = d->weights;
    for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD4_ROWS) {
      const int32_t *factors = stream + HWK_WINOGRAD4_ROWS * words;
      hwk_winograd4_products(stream, tiles, sums, w->channels / 2);
      int32_t rows = hwk_min(d->output_channels - channel, HWK_WINOGRAD4_ROWS);
      for (int32_t n = 0; n < rows; ++n, factors += HWK_WINOGRAD4_FACTORS) {
        for (int32_t t = 0; t < count; ++t) {
          const int32_t *of = sums + t * HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD4_SUMS + n;
          hwk_winograd4_store(d, of, factors, places[t].y, places[t].x, channel + n, output);
        }
      }
      stream += HWK_WINOGRAD4_ROWS * (words + HWK_WINOGRAD4_FACTORS);
    }
  }
}

#endif
