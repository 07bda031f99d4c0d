/* What moves integers, over packed tensors: run by run. They need no kernel. */
#ifndef HWK_PACKED_MOVES_H
#define HWK_PACKED_MOVES_H

#include <hwk_lanes.h>
#include <hwk_walk.h>

/* Integer `index` of a tensor of 1, 2, 4 or 8 bits. */
HWK_INLINE int32_t hwk_any_lane(const void *from, int32_t index, int32_t bits) {
  return bits == 8 ? ((const int8_t *)from)[index] : hwk_lane(from, index, bits);
}

HWK_INLINE void hwk_set_any_lane(void *to, int32_t index, int32_t bits, int32_t value) {
  if (bits == 8) {
    ((int8_t *)to)[index] = (int8_t)value;
  } else {
    hwk_set_lane(to, index, bits, value);
  }
}

/* `count` integers `stride` from each other, to neighbours; whole bytes where both allow it. */
HWK_NOINLINE void hwk_move_lanes(void *to, int32_t to_first, int32_t to_bits, const void *from,
                                 int32_t first, int32_t from_bits, int32_t stride, int32_t count) {
  int32_t bits = from_bits;
  int whole = stride == 1 && to_bits == bits && (first * bits | to_first * bits) % 8 == 0;
  int32_t moved = whole ? count * bits / 8 : 0;
  if (moved > 0) {
    hwk_copy((int8_t *)to + to_first * bits / 8, (const int8_t *)from + first * bits / 8,
             (size_t)moved);
  }
#pragma GCC unroll 1
  for (int32_t k = moved * 8 / bits; k < count; ++k) {
    hwk_set_any_lane(to, to_first + k, to_bits, hwk_any_lane(from, first + k * stride, from_bits));
  }
}

HWK_NOINLINE void hwk_fill_lanes(void *to, int32_t first, int32_t bits, int32_t value,
                                 int32_t count) {
#pragma GCC unroll 1
  for (int32_t k = first; k < first + count; ++k) {
    hwk_set_any_lane(to, k, bits, value);
  }
}

HWK_INLINE void hwk_packed_pad(const hwk_pad_t *d, const hwk_packing_t *p, const void *input,
                               void *output) {
  int32_t row = d->input_width * d->channels, left = d->padding_left * d->channels;
  int32_t right = d->padding_right * d->channels, at = 0;
  int32_t width = left + row + right;
  hwk_fill_lanes(output, 0, p->output_bits, d->value, d->padding_top * width);
  at = d->padding_top * width;
#pragma GCC unroll 1
  for (int32_t y = 0; y < d->input_height; ++y, at += width) {
    hwk_fill_lanes(output, at, p->output_bits, d->value, left);
    hwk_move_lanes(output, at + left, p->output_bits, input, y * row, p->input_bits[0], 1, row);
    hwk_fill_lanes(output, at + left + row, p->output_bits, d->value, right);
  }
  hwk_fill_lanes(output, at, p->output_bits, d->value, d->padding_bottom * width);
}

HWK_INLINE void hwk_packed_concat(const hwk_concat_t *d, const hwk_packing_t *p, const void *input,
                                  void *output) {
#pragma GCC unroll 1
  for (int32_t block = 0; block < d->blocks; ++block) {
    hwk_move_lanes(output, block * d->output_block + d->offset, p->output_bits, input,
                   block * d->input_block, p->input_bits[0], 1, d->input_block);
  }
}

HWK_INLINE void hwk_packed_gather(const hwk_gather_t *d, const hwk_packing_t *p, const void *input,
                                  void *output) {
  int32_t run = d->extent.sizes[3];
  hwk_row_t row = {{0, 0, 0}};
#pragma GCC unroll 1
  for (int32_t k = 0; k < hwk_rows(&d->extent); ++k) {
    hwk_move_lanes(output, k * run, p->output_bits, input,
                   d->offset + hwk_row_start(&row, d->strides), p->input_bits[0], d->strides[3],
                   run);
    hwk_next_row(&d->extent, &row);
  }
}

#endif
