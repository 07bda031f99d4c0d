/* Rescales a tensor of int32_t integers. */
#ifndef HWK_REQUANTIZE_S32_H
#define HWK_REQUANTIZE_S32_H

#include <hwk_store.h>

HWK_NO_SCRATCH(requantize_s32, requantize)

HWK_INLINE void hwk_requantize_s32(const hwk_requantize_t *d, const int32_t *input, void *output,
                                   void *scratch) {
  (void)scratch;
  int32_t channel = 0;
  for (int32_t i = 0; i < d->elements; ++i) {
    int32_t centred = hwk_wrapping_add(input[i], -d->input_zero_point);
    hwk_store(&d->rescale, output, i, centred, channel);
    channel = channel + 1 == d->channels ? 0 : channel + 1;
  }
}

#endif
