/* Sum or difference of two tensors, sizes of 1 repeated, as two table look-ups (hwk_add_s8_line.h);
 * the second multiplier of a difference is negative. */
#ifndef HWK_BROADCAST_ADD_S8_LINE_H
#define HWK_BROADCAST_ADD_S8_LINE_H

#include <hwk_add_line.h>
#include <hwk_walk.h>

HWK_INLINE size_t hwk_broadcast_add_s8_line_scratch_bytes(const hwk_broadcast_add_t *d) {
  (void)d;
  return HWK_ADD_TABLES_BYTES;
}

/* Whether the operand lies in the order of the output. */
HWK_INLINE int hwk_whole(const hwk_extent_t *e, const int32_t *strides) {
  int32_t step = 1, whole = 1;
  for (int32_t axis = 3; axis >= 0; --axis) {
    whole &= e->sizes[axis] == 1 || strides[axis] == step;
    step *= e->sizes[axis];
  }
  return whole;
}

/* A row of `count` integers, `x_step` and `y_step` from each other. */
HWK_INLINE void hwk_add_row(const int8_t *x, const int8_t *y, int32_t x_step, int32_t y_step,
                            int8_t *output, const int32_t *tables, int32_t count) {
  const int32_t *second = tables + HWK_ADD_TABLE;
  if (x_step == 1 && y_step == 1) {
    hwk_add_tables(x, y, output, tables, second, count);
    return;
  }
#pragma GCC unroll 1
  for (; count > 0; --count, x += x_step, y += y_step) {
    *output++ = hwk_add_entries(*x, *y, tables, second);
  }
}

HWK_INLINE void hwk_broadcast_add_s8_line(const hwk_broadcast_add_t *d, const int8_t *a,
                                          const int8_t *b, void *output, void *scratch) {
  int32_t channels = d->extent.sizes[3], rows = hwk_rows(&d->extent);
  hwk_add_line_tables(scratch, d->input_rescales, &d->rescale);
  if (hwk_whole(&d->extent, d->a_strides) && hwk_whole(&d->extent, d->b_strides)) {
    hwk_add_row(a, b, 1, 1, output, scratch, rows * channels);
    return;
  }
  hwk_row_t row = {{0, 0, 0}};
#pragma GCC unroll 1
  for (int32_t r = 0; r < rows; ++r) {
    const int8_t *x = a + hwk_row_start(&row, d->a_strides);
    const int8_t *y = b + hwk_row_start(&row, d->b_strides);
    int8_t *to = (int8_t *)output + r * channels;
    hwk_add_row(x, y, d->a_strides[3], d->b_strides[3], to, scratch, channels);
    hwk_next_row(&d->extent, &row);
  }
}

#endif
