/* Softmax from a table of exponentials. */
#ifndef HWK_SOFTMAX_TABLE_S8_H
#define HWK_SOFTMAX_TABLE_S8_H

#include <hwk_real.h>
#include <hwk_roots.h>
#include <hwk_store.h>

HWK_NO_SCRATCH(softmax_table_s8, softmax_table)

HWK_INLINE void hwk_softmax_table_s8(const hwk_softmax_table_t *d, const int8_t *input,
                                     void *output, void *scratch) {
  (void)scratch;
  int32_t index = 0;
  for (int32_t n = 0; n < d->rows; ++n, input += d->depth) {
    int32_t most = input[0];
    for (int32_t k = 1; k < d->depth; ++k) {
      most = hwk_max(most, input[k]);
    }
    uint64_t sum = 0;
    for (int32_t k = 0; k < d->depth; ++k) {
      sum += d->exponentials[most - input[k]];
    }
    uint64_t reciprocal = hwk_quotient((uint64_t)1 << 62, sum);
    for (int32_t k = 0; k < d->depth; ++k) {
      uint64_t product = d->exponentials[most - input[k]] * reciprocal;
      int32_t parts = (int32_t)((product + ((uint64_t)1 << 31)) >> 32);
      hwk_store(&d->rescale, output, index++, parts, k);
    }
  }
}

#endif
