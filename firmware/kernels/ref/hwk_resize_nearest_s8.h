/* Nearest-neighbour resizing by tables of rows and columns. */
#ifndef HWK_RESIZE_NEAREST_S8_H
#define HWK_RESIZE_NEAREST_S8_H

#include <hwk_broadcast.h>
#include <hwk_kernels.h>

HWK_NO_SCRATCH(resize_nearest_s8, resize_nearest)

HWK_INLINE void hwk_resize_nearest_s8(const hwk_resize_nearest_t *d, const int8_t *input,
                                      int8_t *output, void *scratch) {
  (void)scratch;
  for (int32_t y = 0; y < d->output_height; ++y) {
    const int8_t *row = input + d->rows[y] * d->input_width * d->channels;
    for (int32_t x = 0; x < d->output_width; ++x) {
      hwk_copy(output, row + d->columns[x] * d->channels, (size_t)d->channels);
      output += d->channels;
    }
  }
}

#endif
