/* Sum of two tensors, each brought to a common scale first: four elements at once. */
#ifndef HWK_ADD_S8_H
#define HWK_ADD_S8_H

#include <hwk_rescale_quad.h>

HWK_NO_SCRATCH(add_s8, add)

/* Elements i .. i + count - 1, the first of which is of `channel`; count <= 4. */
HWK_INLINE void hwk_add_quad(const hwk_add_t *d, const int8_t *a, const int8_t *b, void *output,
                             int32_t i, int32_t channel, int32_t count) {
  int32x4_t x = vsubq_n_s32(hwk_load_quad_s8(a + i, count), d->zero_points[0]);
  int32x4_t y = vsubq_n_s32(hwk_load_quad_s8(b + i, count), d->zero_points[1]);
  x = hwk_rescale_quad(&d->input_rescales[0], x, channel, count);
  y = hwk_rescale_quad(&d->input_rescales[1], y, channel, count);
  hwk_store_quad(&d->rescale, output, i, vaddq_s32(x, y), channel, count);
}

HWK_INLINE void hwk_add_s8(const hwk_add_t *d, const int8_t *a, const int8_t *b, void *output,
                           void *scratch) {
  (void)scratch;
  int per_channel = hwk_per_channel(&d->rescale) || hwk_per_channel(&d->input_rescales[0]) ||
                    hwk_per_channel(&d->input_rescales[1]);
  int32_t row = per_channel ? d->channels : d->elements;
  for (int32_t i = 0; i < d->elements; i += row) {
    int32_t c = 0;
    for (; c + HWK_QUAD <= row; c += HWK_QUAD) {
      hwk_add_quad(d, a, b, output, i + c, c, HWK_QUAD);
    }
    if (c < row) {
      hwk_add_quad(d, a, b, output, i + c, c, row - c);
    }
  }
}

#endif
