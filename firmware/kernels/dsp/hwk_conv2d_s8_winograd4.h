/* 2-D convolution 3x3, stride 1, by F(4x4, 3x3) (hwk_winograd4.h), the transformed weights in
 * flash: 8 times the bytes of int8, and no time for transforming them. Works through two tiles of
 * 4x4 outputs at a time, four channels at a time.
 *
 * Of the descriptor's tables only `weights` is there. It holds of each four output channels,
 * missing ones zeros: of each position, of each pair of input channels, a word a channel; then the
 * factors of each. */
#ifndef HWK_CONV2D_S8_WINOGRAD4_H
#define HWK_CONV2D_S8_WINOGRAD4_H

#include <hwk_winograd4_inputs.h>
#include <hwk_winograd4_outputs.h>

HWK_INLINE size_t hwk_conv2d_s8_winograd4_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t words = HWK_WINOGRAD_TWOS * hwk_winograd4_tile_words(d) + HWK_WINOGRAD4_SUMS;
  return (size_t)words * sizeof(int32_t);
}

HWK_INLINE void hwk_conv2d_s8_winograd4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                        void *scratch) {
  int32_t words = hwk_winograd4_tile_words(d), pairs = d->window.channels / 2;
  int32_t *tiles = scratch, *sums = tiles + HWK_WINOGRAD_TWOS * words;
  hwk_winograd4_place_t next = {0, 0};
  while (next.y < d->window.output_height) {
    hwk_winograd4_place_t at[HWK_WINOGRAD_TWOS];
    int32_t count = 0;
    for (; count < HWK_WINOGRAD_TWOS && next.y < d->window.output_height; ++count) {
      at[count] = next;
      hwk_winograd4_inputs(d, input, next, tiles + count, HWK_WINOGRAD_TWOS);
      hwk_winograd4_next(d, &next);
    }
    const int32_t *stream = d->weights;
    for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD_FOURS) {
      const int32_t *factors = stream + HWK_WINOGRAD_FOURS * words;
      int32_t there = hwk_min(d->output_channels - channel, HWK_WINOGRAD_FOURS);
      hwk_winograd_products(stream, tiles, sums, pairs, sums + HWK_WINOGRAD4_SUMS);
      for (int32_t n = 0; n < count; ++n) {
        hwk_winograd4_store(d, sums + n * HWK_WINOGRAD_FOURS, 1, factors, at[n], channel, there,
                            output);
      }
      stream = factors + HWK_WINOGRAD_FOURS * HWK_WINOGRAD4_FACTORS;
    }
  }
}

#endif
