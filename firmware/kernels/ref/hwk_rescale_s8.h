/* Rescales a tensor of int8_t integers to wider ones. */
#ifndef HWK_RESCALE_S8_H
#define HWK_RESCALE_S8_H

#include <hwk_rescale_exact.h>
#include <hwk_store.h>

HWK_NO_SCRATCH(rescale_s8, requantize)

HWK_INLINE void hwk_rescale_s8(const hwk_requantize_t *d, const int8_t *input, void *output,
                               void *scratch) {
  (void)scratch;
  int32_t channel = 0;
  for (int32_t i = 0; i < d->elements; ++i) {
    hwk_channel_t scale = hwk_channel_entries(&d->rescale, channel);
    int32_t centred = input[i] - d->input_zero_point;
    int32_t rescaled = hwk_rescale_exact(&d->rescale, &scale, centred);
    hwk_write(output, d->rescale.output_bytes, i, rescaled);
    channel = channel + 1 == d->channels ? 0 : channel + 1;
  }
}

#endif
