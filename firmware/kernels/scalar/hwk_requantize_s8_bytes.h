/* Rescales a tensor of int8_t integers to others of a byte: each of the 256 once, into a table. */
#ifndef HWK_REQUANTIZE_S8_BYTES_H
#define HWK_REQUANTIZE_S8_BYTES_H

#include <hwk_map_bytes.h>
#include <hwk_rescale.h>

HWK_INLINE size_t hwk_requantize_s8_bytes_scratch_bytes(const hwk_requantize_t *d) {
  (void)d;
  return 256;
}

HWK_INLINE void hwk_requantize_s8_bytes(const hwk_requantize_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  uint8_t *table = scratch;
  hwk_channel_t scale = hwk_channel(&d->rescale, 0);
#pragma GCC unroll 1
  for (int32_t x = -128; x < 128; ++x) {
    int32_t centred = hwk_wrapping_add(x, -d->input_zero_point);
    table[x & 255] = (uint8_t)hwk_rescale_channel(&d->rescale, &scale, centred);
  }
  hwk_map_bytes(table, (const uint8_t *)input, output, d->elements);
}

#endif
