/* Slices, reversals and transposes: int16_t integers taken at regular distances. */
#ifndef HWK_GATHER_S16_H
#define HWK_GATHER_S16_H

#include <hwk_walk.h>

HWK_NO_SCRATCH(gather_s16, gather)

HWK_INLINE void hwk_gather_s16(const hwk_gather_t *d, const int16_t *input, int16_t *output,
                               void *scratch) {
  (void)scratch;
  hwk_row_t row = {{0, 0, 0}};
  int32_t length = d->extent.sizes[3];
  for (int32_t r = 0; r < hwk_rows(&d->extent); ++r) {
    int32_t start = d->offset + hwk_row_start(&row, d->strides);
    if (d->strides[3] == 1) {
      hwk_copy(output, input + start, (size_t)length * sizeof *output);
    } else {
      for (int32_t c = 0; c < length; ++c) {
        output[c] = input[start + c * d->strides[3]];
      }
    }
    output += length;
    hwk_next_row(&d->extent, &row);
  }
}

#endif
