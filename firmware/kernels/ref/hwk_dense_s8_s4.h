/* Matrix product, packed 4-bit weights: the definition, loop by loop. */
#ifndef HWK_DENSE_S8_S4_H
#define HWK_DENSE_S8_S4_H

#include <hwk_dense_rows.h>

HWK_NO_SCRATCH(dense_s8_s4, dense)

HWK_INLINE void hwk_dense_s8_s4(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch) {
  (void)scratch;
  hwk_dense_rows(d, input, output, hwk_row_bytes_s4, hwk_row_weight_s4);
}

#endif
