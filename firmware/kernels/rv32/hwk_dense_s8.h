/* Matrix product, int8 weights: four rows of weights at once. */
#ifndef HWK_DENSE_S8_H
#define HWK_DENSE_S8_H

#include <hwk_dense_tiled.h>

HWK_NO_SCRATCH(dense_s8, dense)

HWK_INLINE void hwk_dense_s8(const hwk_dense_t *d, const int8_t *input, void *output,
                             void *scratch) {
  (void)scratch;
  hwk_dense_tiled(d, input, output, 4, hwk_dense_tile_s8);
}

#endif
