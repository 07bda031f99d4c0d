/* Window sums of a vector of channels at once. */
#ifndef HWK_POOL_SUMS_H
#define HWK_POOL_SUMS_H

#include <hwk_pool_range.h>
#include <hwk_rescale_vector.h>

/* Sums of channels from c on over the range, each starting with `start`. */
HWK_INLINE vint32m4_t hwk_pool_sums(const hwk_window_t *w, const int8_t *input,
                                    hwk_pool_range_t range, int32_t c, int32_t start,
                                    size_t lanes) {
  vint32m4_t sum = __riscv_vmv_v_x_i32m4(start, lanes);
  for (int32_t row = range.first_row; row < range.end_row; ++row) {
    const int8_t *pixel = input + (row * w->input_width + range.first_column) * w->channels + c;
    for (int32_t k = range.first_column; k < range.end_column; ++k, pixel += w->channels) {
      sum = __riscv_vadd_vv_i32m4(sum, hwk_load_bytes(pixel, lanes), lanes);
    }
  }
  return sum;
}

#endif
