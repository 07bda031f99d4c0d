/* Layer norm of int16_t rows. */
#ifndef HWK_LAYER_NORM_S16_H
#define HWK_LAYER_NORM_S16_H

#include <hwk_layer_norm_row.h>

HWK_NO_SCRATCH(layer_norm_s16, layer_norm)

HWK_INLINE void hwk_layer_norm_s16(const hwk_layer_norm_t *d, const int16_t *input, void *output,
                                   void *scratch) {
  (void)scratch;
  for (int32_t n = 0; n < d->rows; ++n, input += d->channels) {
    hwk_moments_t m = {0, 0};
    for (int32_t c = 0; c < d->channels; ++c) {
      hwk_moment(&m, input[c]);
    }
    hwk_deviation_t deviation = hwk_deviation(d, &m);
    for (int32_t c = 0; c < d->channels; ++c) {
      hwk_normalize(d, &m, &deviation, input[c], output, n * d->channels + c, c);
    }
  }
}

#endif
