/* Surrounds a map with a value. */
#ifndef HWK_PAD_S8_H
#define HWK_PAD_S8_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(pad_s8, pad)

HWK_INLINE void hwk_pad_s8(const hwk_pad_t *d, const int8_t *input, int8_t *output, void *scratch) {
  (void)scratch;
  int32_t width = d->padding_left + d->input_width + d->padding_right;
  int32_t height = d->padding_top + d->input_height + d->padding_bottom;
  int32_t row_bytes = d->input_width * d->channels;
  memset(output, d->value, (size_t)(height * width * d->channels));
  output += (d->padding_top * width + d->padding_left) * d->channels;
  for (int32_t y = 0; y < d->input_height; ++y) {
    hwk_copy(output + y * width * d->channels, input + y * row_bytes, (size_t)row_bytes);
  }
}

#endif
