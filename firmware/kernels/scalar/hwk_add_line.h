/* The tables of a sum of two tensors: where
 *
 *   clamp(((a * m_0 >> 8) + (b * m_1 >> 8) + start) >> 21, -128, 127)
 *
 * gives what three rescales do for every pair of integers (hwkit/targets/mcu/add_line.py), one of each
 * product. The descriptor has m_k in input_rescales[k].multiplier and start in rescale.multiplier. */
#ifndef HWK_ADD_LINE_H
#define HWK_ADD_LINE_H

#include <hwk_add_tables.h>

#define HWK_ADD_TABLE 256
#define HWK_ADD_TABLES_BYTES (2 * HWK_ADD_TABLE * sizeof(int32_t))

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

/* Both, one behind the other. */
HWK_INLINE void hwk_add_line_tables(int32_t *tables, const hwk_rescale_t *inputs,
                                    const hwk_rescale_t *rescale) {
  hwk_add_table(tables, inputs[0].multiplier, rescale->multiplier);
  hwk_add_table(tables + HWK_ADD_TABLE, inputs[1].multiplier, 0);
}

#endif
