/* Two slopes, the one below zero from a table. */
#ifndef HWK_PRELU_S8_H
#define HWK_PRELU_S8_H

#include <hwk_store.h>
#include <hwk_walk.h>

HWK_NO_SCRATCH(prelu_s8, prelu)

HWK_INLINE void hwk_prelu_s8(const hwk_prelu_t *d, const int8_t *input, int8_t *output,
                             void *scratch) {
  (void)scratch;
  hwk_row_t row = {{0, 0, 0}};
  for (int32_t r = 0; r < hwk_rows(&d->extent); ++r) {
    const int8_t *slope = d->slopes + hwk_row_start(&row, d->slope_strides);
    for (int32_t c = 0; c < d->extent.sizes[3]; ++c) {
      int32_t v = *input++ - d->input_zero_point;
      int32_t falling = v * (*slope - d->slope_zero_point);
      int32_t result =
          v >= 0 ? hwk_rescale(&d->positive, v, c) : hwk_rescale(&d->negative, falling, c);
      *output++ = (int8_t)result;
      slope += d->slope_strides[3];
    }
    hwk_next_row(&d->extent, &row);
  }
}

#endif
