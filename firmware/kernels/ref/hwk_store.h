/* The last step of every kernel that sums. */
#ifndef HWK_STORE_H
#define HWK_STORE_H

#include <hwk_rescale.h>

/* Element `index` of an output with integers of `bytes` bytes becomes x, which fits. */
HWK_INLINE void hwk_write(void *output, int32_t bytes, int32_t index, int32_t x) {
  switch (bytes) {
    case 1:
      ((int8_t *)output)[index] = (int8_t)x;
      break;
    case 2:
      ((int16_t *)output)[index] = (int16_t)x;
      break;
    default:
      ((int32_t *)output)[index] = x;
  }
}

/* Rescales a sum of the channel of `scale` (hwk_channel) and writes it as element `index` of the
 * output. */
HWK_INLINE void hwk_store_scaled(const hwk_rescale_t *r, const hwk_channel_t *scale, void *output,
                                 int32_t index, int32_t sum) {
  hwk_write(output, r->output_bytes, index, hwk_rescale_channel(r, scale, sum));
}

/* The same for a single sum of the channel. */
HWK_INLINE void hwk_store(const hwk_rescale_t *r, void *output, int32_t index, int32_t sum,
                          int32_t channel) {
  hwk_channel_t scale = hwk_channel(r, channel);
  hwk_store_scaled(r, &scale, output, index, sum);
}

#endif
