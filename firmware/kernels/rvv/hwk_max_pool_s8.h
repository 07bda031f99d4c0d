/* Window maxima of what lies inside the map, a vector of channels at once. */
#ifndef HWK_MAX_POOL_S8_H
#define HWK_MAX_POOL_S8_H

#include <riscv_vector.h>

#include <hwk_pool_range.h>

HWK_NO_SCRATCH(max_pool_s8, pool)

/* Maxima of the channels from c on. */
HWK_INLINE vint8m8_t hwk_pool_maxima(const hwk_window_t *w, const int8_t *input,
                                     hwk_pool_range_t range, int32_t c, size_t lanes) {
  vint8m8_t maxima = __riscv_vmv_v_x_i8m8(INT8_MIN, lanes);
  for (int32_t row = range.first_row; row < range.end_row; ++row) {
    const int8_t *pixel = input + (row * w->input_width + range.first_column) * w->channels + c;
    for (int32_t k = range.first_column; k < range.end_column; ++k, pixel += w->channels) {
      maxima = __riscv_vmax_vv_i8m8(maxima, __riscv_vle8_v_i8m8(pixel, lanes), lanes);
    }
  }
  return maxima;
}

HWK_INLINE void hwk_max_pool_s8(const hwk_pool_t *d, const int8_t *input, int8_t *output,
                                void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, output += w->channels) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      for (int32_t c = 0; c < w->channels;) {
        size_t lanes = __riscv_vsetvl_e8m8((size_t)(w->channels - c));
        vint8m8_t maxima = hwk_pool_maxima(w, input, range, c, lanes);
        maxima = __riscv_vmax_vx_i8m8(maxima, (int8_t)d->low, lanes);
        maxima = __riscv_vmin_vx_i8m8(maxima, (int8_t)d->high, lanes);
        __riscv_vse8_v_i8m8(output + c, maxima, lanes);
        c += (int32_t)lanes;
      }
    }
  }
}

#endif
