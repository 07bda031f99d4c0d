/* Sum of two tensors of int16_t integers, each brought to a common scale first. */
#ifndef HWK_ADD_S16_H
#define HWK_ADD_S16_H

#include <hwk_store.h>

HWK_NO_SCRATCH(add_s16, add)

HWK_INLINE void hwk_add_s16(const hwk_add_t *d, const int16_t *a, const int16_t *b, void *output,
                            void *scratch) {
  (void)scratch;
  int32_t channel = 0;
  for (int32_t i = 0; i < d->elements; ++i) {
    int32_t first = hwk_rescale(&d->input_rescales[0], a[i] - d->zero_points[0], channel);
    int32_t second = hwk_rescale(&d->input_rescales[1], b[i] - d->zero_points[1], channel);
    hwk_store(&d->rescale, output, i, hwk_wrapping_add(first, second), channel);
    channel = channel + 1 == d->channels ? 0 : channel + 1;
  }
}

#endif
