/* Rescales a tensor of int8_t integers, a vector at once. */
#ifndef HWK_REQUANTIZE_S8_LANES_H
#define HWK_REQUANTIZE_S8_LANES_H

#include <hwk_rescale_vector.h>

HWK_NO_SCRATCH(requantize_s8_lanes, requantize)

HWK_INLINE void hwk_requantize_s8_lanes(const hwk_requantize_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  (void)scratch;
  int32_t row = hwk_per_channel(&d->rescale) ? d->channels : d->elements;
  for (int32_t i = 0; i < d->elements; i += row) {
    for (int32_t c = 0; c < row;) {
      size_t lanes = hwk_lanes_of(row - c);
      vint32m4_t x = hwk_load_bytes(input + i + c, lanes);
      x = __riscv_vsub_vx_i32m4(x, d->input_zero_point, lanes);
      hwk_store_vector(&d->rescale, output, i + c, x, c, lanes);
      c += (int32_t)lanes;
    }
  }
}

#endif
