/* One input's part of a concatenation. */
#ifndef HWK_CONCAT_S8_H
#define HWK_CONCAT_S8_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(concat_s8, concat)

HWK_INLINE void hwk_concat_s8(const hwk_concat_t *d, const int8_t *input, int8_t *output,
                              void *scratch) {
  (void)scratch;
  for (int32_t block = 0; block < d->blocks; ++block) {
    hwk_copy(output + block * d->output_block + d->offset, input + block * d->input_block,
             (size_t)d->input_block);
  }
}

#endif
