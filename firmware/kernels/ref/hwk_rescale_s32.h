/* Rescales a tensor of int32_t integers to int32_t. */
#ifndef HWK_RESCALE_S32_H
#define HWK_RESCALE_S32_H

#include <hwk_rescale_exact.h>

HWK_NO_SCRATCH(rescale_s32, requantize)

HWK_INLINE void hwk_rescale_s32(const hwk_requantize_t *d, const int32_t *input, void *output,
                                void *scratch) {
  (void)scratch;
  int32_t *rescaled = output;
  int32_t channel = 0;
  for (int32_t i = 0; i < d->elements; ++i) {
    hwk_channel_t scale = hwk_channel_entries(&d->rescale, channel);
    int32_t centred = hwk_wrapping_add(input[i], -d->input_zero_point);
    rescaled[i] = hwk_rescale_exact(&d->rescale, &scale, centred);
    channel = channel + 1 == d->channels ? 0 : channel + 1;
  }
}

#endif
