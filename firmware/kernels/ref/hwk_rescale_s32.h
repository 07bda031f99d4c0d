/* Rescales a tensor of int32_t integers to ones of 16 or 32 bits. */
#ifndef HWK_RESCALE_S32_H
#define HWK_RESCALE_S32_H

#include <hwk_rescale_exact.h>
#include <hwk_store.h>

HWK_NO_SCRATCH(rescale_s32, requantize)

HWK_INLINE void hwk_rescale_s32(const hwk_requantize_t *d, const int32_t *input, void *output,
                                void *scratch) {
  (void)scratch;
  int32_t channel = 0;
  for (int32_t i = 0; i < d->elements; ++i) {
    hwk_channel_t scale = hwk_channel_entries(&d->rescale, channel);
    int32_t centred = hwk_wrapping_add(input[i], -d->input_zero_point);
    int32_t rescaled = hwk_rescale_exact(&d->rescale, &scale, centred);
    hwk_write(output, d->rescale.output_bytes, i, rescaled);
    channel = channel + 1 == d->channels ? 0 : channel + 1;
  }
}

#endif
