/* Sum of two tensors as two table look-ups: where
 *
 *   clamp(((a * m_0 >> 8) + (b * m_1 >> 8) + start) >> 21, -128, 127)
 *
 * gives what three rescales do for every pair of integers (hwkit/targets/mcu/add_line.py). The
 * descriptor has m_k in input_rescales[k].multiplier and start in rescale.multiplier; scratch memory
 * holds a table of each product. */
#ifndef HWK_ADD_S8_LINE_H
#define HWK_ADD_S8_LINE_H

#include <hwk_add_tables.h>

#define HWK_ADD_TABLE 256

HWK_INLINE size_t hwk_add_s8_line_scratch_bytes(const hwk_add_t *d) {
  (void)d;
  return 2 * HWK_ADD_TABLE * sizeof(int32_t);
}

/* start + (x * multiplier >> 8) for each integer x, by its byte. */
HWK_NOINLINE void hwk_add_table(int32_t *table, int32_t multiplier, int32_t start) {
  int64_t product = 0;
#pragma GCC unroll 1
  for (int32_t x = 0; x < HWK_ADD_TABLE; ++x, product += multiplier) {
    if (x == HWK_ADD_TABLE / 2) {
      product -= (int64_t)multiplier * HWK_ADD_TABLE;
    }
    table[x] = start + (int32_t)(product >> 8);
  }
}

HWK_INLINE void hwk_add_s8_line(const hwk_add_t *d, const int8_t *a, const int8_t *b, void *output,
                                void *scratch) {
  int32_t *first = scratch, *second = first + HWK_ADD_TABLE;
  hwk_add_table(first, d->input_rescales[0].multiplier, d->rescale.multiplier);
  hwk_add_table(second, d->input_rescales[1].multiplier, 0);
  hwk_add_tables(a, b, output, first, second, d->elements);
}

#endif
