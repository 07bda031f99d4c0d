/* Matrix product, int8 weights: four rows of weights by one widened column. */
#ifndef HWK_DENSE_S8_H
#define HWK_DENSE_S8_H

#include <hwk_dense_tiled.h>

HWK_INLINE size_t hwk_dense_s8_scratch_bytes(const hwk_dense_t *d) {
  return 2 * (size_t)hwk_round_up(d->input_features, 4);
}

HWK_INLINE void hwk_dense_s8(const hwk_dense_t *d, const int8_t *input, void *output,
                             void *scratch) {
  int32_t padded = hwk_round_up(d->input_features, 4);
  hwk_dense_tiled(d, input, output, scratch, padded, hwk_widen_row, hwk_column_tile_s8);
}

#endif
