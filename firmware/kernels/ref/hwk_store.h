/* The last step of every kernel that sums. */
#ifndef HWK_STORE_H
#define HWK_STORE_H

#include <hwk_rescale.h>

/* Rescales a sum of the channel of `scale` (hwk_channel) and writes it as element `index` of the
 * output. */
HWK_INLINE void hwk_store_scaled(const hwk_rescale_t *r, const hwk_channel_t *scale, void *output,
                                 int32_t index, int32_t sum) {
  if (r->rounding == HWK_ROUND_NONE) {
    ((int32_t *)output)[index] = sum;
  } else {
    ((int8_t *)output)[index] = (int8_t)hwk_rescale_channel(r, scale, sum);
  }
}

/* The same for a single sum of the channel. */
HWK_INLINE void hwk_store(const hwk_rescale_t *r, void *output, int32_t index, int32_t sum,
                          int32_t channel) {
  hwk_channel_t scale = hwk_channel(r, channel);
  hwk_store_scaled(r, &scale, output, index, sum);
}

#endif
