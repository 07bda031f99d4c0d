/* Window maxima of what lies inside the map, 16 channels at once. */
#ifndef HWK_MAX_POOL_S8_H
#define HWK_MAX_POOL_S8_H

#include <arm_mve.h>

#include <hwk_pool_range.h>

HWK_NO_SCRATCH(max_pool_s8, pool)

/* Maxima of the channels from c on that `lanes` names. */
HWK_INLINE int8x16_t hwk_pool_maxima(const hwk_window_t *w, const int8_t *input,
                                     hwk_pool_range_t range, int32_t c, mve_pred16_t lanes) {
  int8x16_t maxima = vdupq_n_s8(INT8_MIN);
  for (int32_t row = range.first_row; row < range.end_row; ++row) {
    const int8_t *pixel = input + (row * w->input_width + range.first_column) * w->channels + c;
    for (int32_t k = range.first_column; k < range.end_column; ++k, pixel += w->channels) {
      maxima = vmaxq_s8(maxima, vldrbq_z_s8(pixel, lanes));
    }
  }
  return maxima;
}

HWK_INLINE void hwk_max_pool_s8(const hwk_pool_t *d, const int8_t *input, int8_t *output,
                                void *scratch) {
  (void)scratch;
  const hwk_window_t *w = &d->window;
  int8x16_t low = vdupq_n_s8((int8_t)d->low), high = vdupq_n_s8((int8_t)d->high);
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, output += w->channels) {
      hwk_pool_range_t range = hwk_pool_range(w, y, x);
      for (int32_t c = 0; c < w->channels; c += 16) {
        mve_pred16_t lanes = vctp8q((uint32_t)(w->channels - c));
        int8x16_t maxima = hwk_pool_maxima(w, input, range, c, lanes);
        vstrbq_p_s8(output + c, vminq_s8(vmaxq_s8(maxima, low), high), lanes);
      }
    }
  }
}

#endif
