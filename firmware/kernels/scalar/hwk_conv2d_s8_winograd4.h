/* 2-D convolution 3x3, stride 1, by Winograd's F(4x4, 3x3) for cores without SIMD: 16 outputs of 144
 * products take 36, and are the very integers that a direct convolution gives (hwk_winograd4.h). The
 * transformed weights lie in flash: 8 times the bytes of int8.
 *
 * Of the descriptor's tables only `weights` is there, of each four output channels, missing ones
 * zeros: of each position, of each pair of input channels (of four the first and third, then the
 * second and fourth), a word a channel; then the six words of each channel. */
#ifndef HWK_CONV2D_S8_WINOGRAD4_H
#define HWK_CONV2D_S8_WINOGRAD4_H

#include <hwk_tile_winograd4.h>
#include <hwk_winograd4.h>

/* Where a channel lies between the others: in the order of the weights. */
HWK_INLINE int32_t hwk_winograd4_in_pairs(int32_t c) { return (c & ~3) + 2 * (c & 1) + (c >> 1 & 1); }

/* One transformed tile, and its sums with four channels. */
HWK_INLINE size_t hwk_conv2d_s8_winograd4_scratch_bytes(const hwk_conv2d_t *d) {
  return (size_t)(2 * HWK_WINOGRAD4_POSITIONS * d->window.channels +
                  4 * HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD4_SUMS);
}

HWK_INLINE void hwk_conv2d_s8_winograd4(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                        void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t words = HWK_WINOGRAD4_POSITIONS * w->channels / 2;
  int32_t *tile = scratch, *sums = tile + words;
  for (int32_t y = 0; y < w->output_height; y += HWK_WINOGRAD4_SIDE) {
    for (int32_t x = 0; x < w->output_width; x += HWK_WINOGRAD4_SIDE) {
      hwk_winograd4_inputs(d, input, y, x, (int16_t *)tile, hwk_winograd4_in_pairs, w->channels);
      const int32_t *stream = d->weights;
      for (int32_t channel = 0; channel < d->output_channels; channel += HWK_WINOGRAD4_ROWS) {
        const int32_t *factors = stream + HWK_WINOGRAD4_ROWS * words;
        hwk_winograd4_products(stream, tile, sums, w->channels / 2, sums);
        int32_t count = hwk_min(d->output_channels - channel, HWK_WINOGRAD4_ROWS);
        for (int32_t n = 0; n < count; ++n, factors += HWK_WINOGRAD4_FACTORS) {
          hwk_winograd4_store(d, sums + n, factors, y, x, channel + n, output);
        }
        stream += HWK_WINOGRAD4_ROWS * (words + HWK_WINOGRAD4_FACTORS);
      }
    }
  }
}

#endif
