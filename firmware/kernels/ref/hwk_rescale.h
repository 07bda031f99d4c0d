/* Rescaling, plain. */
#ifndef HWK_RESCALE_H
#define HWK_RESCALE_H

#include <hwk_rescale_exact.h>

/* What all sums of `channel` share. */
HWK_INLINE hwk_channel_t hwk_channel(const hwk_rescale_t *r, int32_t channel) {
  return hwk_channel_entries(r, channel);
}

/* x rescaled for the channel of `scale`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale_channel(const hwk_rescale_t *r, const hwk_channel_t *scale,
                                       int32_t x) {
  return hwk_rescale_exact(r, scale, x);
}

/* x rescaled for `channel`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale(const hwk_rescale_t *r, int32_t x, int32_t channel) {
  hwk_channel_t scale = hwk_channel(r, channel);
  return hwk_rescale_channel(r, &scale, x);
}

#endif
