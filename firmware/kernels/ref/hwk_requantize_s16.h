/* Rescales a tensor of int16_t integers. */
#ifndef HWK_REQUANTIZE_S16_H
#define HWK_REQUANTIZE_S16_H

#include <hwk_store.h>

HWK_NO_SCRATCH(requantize_s16, requantize)

HWK_INLINE void hwk_requantize_s16(const hwk_requantize_t *d, const int16_t *input, void *output,
                                   void *scratch) {
  (void)scratch;
  int32_t channel = 0;
  for (int32_t i = 0; i < d->elements; ++i) {
    hwk_store(&d->rescale, output, i, input[i] - d->input_zero_point, channel);
    channel = channel + 1 == d->channels ? 0 : channel + 1;
  }
}

#endif
