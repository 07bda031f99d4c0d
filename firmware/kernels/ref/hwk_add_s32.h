/* Sum of two tensors of int32_t integers, each brought to a common scale first. */
#ifndef HWK_ADD_S32_H
#define HWK_ADD_S32_H

#include <hwk_rescale_exact.h>
#include <hwk_store.h>

HWK_NO_SCRATCH(add_s32, add)

HWK_INLINE int32_t hwk_add_s32_side(const hwk_add_t *d, int32_t side, int32_t x, int32_t channel) {
  hwk_channel_t scale = hwk_channel_entries(&d->input_rescales[side], channel);
  int32_t centred = hwk_wrapping_add(x, -d->zero_points[side]);
  return hwk_rescale_exact(&d->input_rescales[side], &scale, centred);
}

HWK_INLINE void hwk_add_s32(const hwk_add_t *d, const int32_t *a, const int32_t *b, void *output,
                            void *scratch) {
  (void)scratch;
  int32_t channel = 0;
  for (int32_t i = 0; i < d->elements; ++i) {
    int32_t first = hwk_add_s32_side(d, 0, a[i], channel);
    int32_t second = hwk_add_s32_side(d, 1, b[i], channel);
    hwk_store(&d->rescale, output, i, hwk_wrapping_add(first, second), channel);
    channel = channel + 1 == d->channels ? 0 : channel + 1;
  }
}

#endif
