/* Matrix product, int8 weights in pairs (hwk_h8.h): four rows of weights by one column, rescale and
 * store among them. Of the descriptor's tables only `weights` is there, a stream with everything in
 * it; kernels.py says which layers can be computed so. */
#ifndef HWK_DENSE_S8_H8_H
#define HWK_DENSE_S8_H8_H

#include <hwk_tile_4x1_h8.h>

HWK_INLINE size_t hwk_dense_s8_h8_scratch_bytes(const hwk_dense_t *d) {
  return 2 * (size_t)hwk_round_up(d->input_features, 4);
}

/* Four integers into the words of a quad; `bytes` at any address, `count` of them there. */
HWK_INLINE void hwk_h8_widen_quad(int32_t *column, const int8_t *bytes, int32_t count) {
  uint32_t word = 0;
  if (count >= 4) {
    word = hwk_load4(bytes);
  } else {
    for (int32_t k = 0; k < count; ++k) {
      word |= (uint32_t)(uint8_t)bytes[k] << (8 * k);
    }
  }
  hwk_h8_write_word(column, 1, word);
}

HWK_INLINE void hwk_dense_s8_h8(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch) {
  int32_t *column = scratch;
  int32_t features = d->input_features;
  int8_t *to = output;
  for (int32_t row = 0; row < d->rows; ++row, to += d->output_features) {
    int32_t *end = column;
    for (int32_t k = 0; k < features; k += 4, end += 2) {
      hwk_h8_widen_quad(end, input + row * features + k, features - k);
    }
    hwk_h8_rows(column, d->weights, to, to + d->output_features, end);
  }
}

#endif
