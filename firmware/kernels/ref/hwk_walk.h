/* Walks over the output of a kernel that repeats its operands. */
#ifndef HWK_WALK_H
#define HWK_WALK_H

#include <hwk_broadcast.h>
#include <hwk_kernels.h>

/* A row: everything but the last axis. */
typedef struct {
  int32_t place[3];
} hwk_row_t;

HWK_INLINE int32_t hwk_rows(const hwk_extent_t *e) {
  return e->sizes[0] * e->sizes[1] * e->sizes[2];
}

/* The row after `row`. */
HWK_INLINE void hwk_next_row(const hwk_extent_t *e, hwk_row_t *row) {
  for (int32_t axis = 2; axis >= 0; --axis) {
    if (++row->place[axis] < e->sizes[axis]) {
      return;
    }
    row->place[axis] = 0;
  }
}

/* Where the row starts in an operand with these strides. */
HWK_INLINE int32_t hwk_row_start(const hwk_row_t *row, const int32_t *strides) {
  return row->place[0] * strides[0] + row->place[1] * strides[1] + row->place[2] * strides[2];
}

#endif
