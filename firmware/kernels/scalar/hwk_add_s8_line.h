/* Sum of two tensors as two table look-ups (hwk_add_line.h). */
#ifndef HWK_ADD_S8_LINE_H
#define HWK_ADD_S8_LINE_H

#include <hwk_add_line.h>

HWK_INLINE size_t hwk_add_s8_line_scratch_bytes(const hwk_add_t *d) {
  (void)d;
  return HWK_ADD_TABLES_BYTES;
}

HWK_INLINE void hwk_add_s8_line(const hwk_add_t *d, const int8_t *a, const int8_t *b, void *output,
                                void *scratch) {
  int32_t *tables = scratch;
  hwk_add_line_tables(tables, d->input_rescales, &d->rescale);
  hwk_add_tables(a, b, output, tables, tables + HWK_ADD_TABLE, d->elements);
}

#endif
