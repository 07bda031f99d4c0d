/* 2-D convolution 3x3, stride 1, by F(2x2, 3x3) (hwk_winograd.h), the transformed weights in flash:
 * 3.6 times the bytes of int8, and no time for transforming them. Works through two output rows at
 * a time. */
#ifndef HWK_CONV2D_S8_WINOGRAD_H
#define HWK_CONV2D_S8_WINOGRAD_H

#include <hwk_winograd.h>

HWK_INLINE size_t hwk_conv2d_s8_winograd_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t words = HWK_WINOGRAD_TILES * hwk_winograd_tile_words(d) + HWK_WINOGRAD_SUMS;
  return (size_t)words * sizeof(int32_t);
}

HWK_INLINE const int32_t *hwk_winograd_rows_in_flash(const hwk_conv2d_t *d, int32_t channel,
                                                     int32_t *room) {
  (void)room;
  return (const int32_t *)d->weights + channel * hwk_winograd_tile_words(d);
}

HWK_INLINE void hwk_conv2d_s8_winograd(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                       void *scratch) {
  hwk_winograd(d, input, output, scratch, HWK_WINOGRAD_TILES, hwk_winograd_rows_in_flash);
}

#endif
