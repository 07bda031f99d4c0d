/* A^T m A of hwk_winograd4.h, the rescale and the store: from sums of products to outputs. */
#ifndef HWK_WINOGRAD4_OUTPUTS_H
#define HWK_WINOGRAD4_OUTPUTS_H

#include <hwk_winograd4.h>

#define HWK_WINOGRAD4_NINTH 0x38E38E39u /* times 9 it is 1 modulo 2^32 */

/* A^T of six sums. */
HWK_INLINE void hwk_winograd4_back(const uint32_t m[6], uint32_t to[4]) {
  uint32_t p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
  to[0] = m[0] + r - 4 * p;
  to[1] = s - 2 * q;
  to[2] = r - p;
  to[3] = m[5] - q + 2 * s;
}

/* What a channel's outputs share; `bias` is 64 times that. */
typedef struct {
  uint32_t bias;
  int32_t multiplier;
  int32_t offset;
  int32_t right;
} hwk_winograd4_channel_t;

/* The int8 output of `y`, a sum that `missing` makes 64 times the true one. */
HWK_INLINE int8_t hwk_winograd4_rescaled(uint32_t y, uint32_t missing,
                                         const hwk_winograd4_channel_t *c) {
  int32_t twice = (int32_t)(y * missing + c->bias) >> 5;
  int32_t rounded = __smmlar(twice, c->multiplier, c->offset);
  return (int8_t)__ssat((rounded + (twice >> 31)) >> c->right, 8);
}

/* The outputs of one tile and channel, `row` and `pixel` bytes from each other. `sums` has its
 * positions, the products of a position from each other. A function of its own: every register is
 * needed. */
HWK_NOINLINE void hwk_winograd4_tile(const int32_t *sums, const int32_t *factors, int8_t *to,
                                     int32_t row, int32_t pixel) {
  uint32_t rows[4 * 6];
  for (int32_t c = 0; c < 6; ++c, sums += HWK_WINOGRAD_PRODUCTS) {
    uint32_t m[6], y[4];
    for (int32_t r = 0; r < 6; ++r) {
      m[r] = (uint32_t)sums[6 * r * HWK_WINOGRAD_PRODUCTS];
    }
    hwk_winograd4_back(m, y);
    for (int32_t r = 0; r < 4; ++r) {
      rows[6 * r + c] = y[r];
    }
  }
  hwk_winograd4_channel_t channel = {(uint32_t)factors[0], factors[1], factors[2], factors[3]};
  uint32_t missing = HWK_WINOGRAD4_NINTH;
  for (int32_t r = 0; r < 4; ++r, to += row) {
    uint32_t y[4];
    hwk_winograd4_back(rows + 6 * r, y);
    to[0] = hwk_winograd4_rescaled(y[0], missing, &channel);
    to[pixel] = hwk_winograd4_rescaled(y[1], missing << 1, &channel);
    to[2 * pixel] = hwk_winograd4_rescaled(y[2], missing << 2, &channel);
    to[3 * pixel] = hwk_winograd4_rescaled(y[3], missing << 2, &channel);
    missing <<= r < 2;
  }
}

/* The outputs of the tile at `at`, `count` channels of it from `channel` on; the sums of the next
 * channel are `apart` words from those of the one before. Outputs outside of the map are dropped. */
HWK_INLINE void hwk_winograd4_store(const hwk_conv2d_t *d, const int32_t *sums, int32_t apart,
                                    const int32_t *factors, hwk_winograd4_place_t at,
                                    int32_t channel, int32_t count, int8_t *output) {
  int32_t pixel = d->output_channels, row = d->window.output_width * pixel;
  int32_t height = hwk_min(d->window.output_height - at.y, HWK_WINOGRAD4_SIDE);
  int32_t width = hwk_min(d->window.output_width - at.x, HWK_WINOGRAD4_SIDE);
  output += at.y * row + at.x * pixel + channel;
  for (; count > 0; --count, sums += apart, factors += HWK_WINOGRAD4_FACTORS, ++output) {
    if (height == HWK_WINOGRAD4_SIDE && width == HWK_WINOGRAD4_SIDE) {
      hwk_winograd4_tile(sums, factors, output, row, pixel);
      continue;
    }
    int8_t tile[HWK_WINOGRAD4_SIDE * HWK_WINOGRAD4_SIDE];
    hwk_winograd4_tile(sums, factors, tile, HWK_WINOGRAD4_SIDE, 1);
    for (int32_t y = 0; y < height; ++y) {
      for (int32_t x = 0; x < width; ++x) {
        output[y * row + x * pixel] = tile[y * HWK_WINOGRAD4_SIDE + x];
      }
    }
  }
}

#endif
