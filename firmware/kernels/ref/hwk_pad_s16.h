/* Surrounds a map of int16_t integers with a value. */
#ifndef HWK_PAD_S16_H
#define HWK_PAD_S16_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(pad_s16, pad)

HWK_INLINE void hwk_pad_s16(const hwk_pad_t *d, const int16_t *input, int16_t *output,
                            void *scratch) {
  (void)scratch;
  int32_t width = d->padding_left + d->input_width + d->padding_right;
  int32_t height = d->padding_top + d->input_height + d->padding_bottom;
  int32_t row = d->input_width * d->channels;
  for (int32_t i = 0; i < height * width * d->channels; ++i) {
    output[i] = (int16_t)d->value;
  }
  output += (d->padding_top * width + d->padding_left) * d->channels;
  for (int32_t y = 0; y < d->input_height; ++y) {
    hwk_copy(output + y * width * d->channels, input + y * row, (size_t)row * sizeof *input);
  }
}

#endif
