/* Where the largest integer of each row is, for any width of the integers. */
#ifndef HWK_ARGMAX_H
#define HWK_ARGMAX_H

/* hwk_argmax_<suffix>: `rows` rows of `depth` integers of `type` to a place each, 0 .. depth - 1,
 * the first of equals. */
#define HWK_ARGMAX(suffix, type)                                                                 \
  HWK_NO_SCRATCH(argmax_##suffix, argmax)                                                        \
  HWK_INLINE void hwk_argmax_##suffix(const hwk_argmax_t *d, const type *input, int32_t *output, \
                                      void *scratch) {                                           \
    (void)scratch;                                                                               \
    for (int32_t row = 0; row < d->rows; ++row, input += d->depth) {                             \
      int32_t place = 0;                                                                         \
      for (int32_t i = 1; i < d->depth; ++i) {                                                   \
        place = input[i] > input[place] ? i : place;                                             \
      }                                                                                          \
      output[row] = place;                                                                       \
    }                                                                                            \
  }

#endif
