/* Matrix product, packed 4-bit weights: four rows of weights by one widened column. */
#ifndef HWK_DENSE_S8_S4_H
#define HWK_DENSE_S8_S4_H

#include <hwk_dense_tiled.h>

HWK_INLINE size_t hwk_dense_s8_s4_scratch_bytes(const hwk_dense_t *d) {
  return 2 * (size_t)hwk_round_up(d->input_features, 8);
}

HWK_INLINE void hwk_dense_s8_s4(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch) {
  int32_t padded = hwk_round_up(d->input_features, 8);
  hwk_dense_tiled(d, input, output, scratch, padded, hwk_widen_row, hwk_column_tile_s4);
}

#endif
