/* Matrix product, packed 4-bit weights: four rows of weights at once. */
#ifndef HWK_DENSE_S8_S4_H
#define HWK_DENSE_S8_S4_H

#include <hwk_dense_tiled.h>

HWK_NO_SCRATCH(dense_s8_s4, dense)

HWK_INLINE void hwk_dense_s8_s4(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch) {
  (void)scratch;
  hwk_dense_tiled(d, input, output, 8, hwk_dense_tile_s4);
}

#endif
