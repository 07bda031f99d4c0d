/* Rescales a tensor of int32_t integers, four at once. */
#ifndef HWK_REQUANTIZE_S32_H
#define HWK_REQUANTIZE_S32_H

#include <hwk_rescale_quad.h>

HWK_NO_SCRATCH(requantize_s32, requantize)

/* Elements i .. i + count - 1, the first of which is of `channel`; count <= 4. */
HWK_INLINE void hwk_requantize_quad_s32(const hwk_requantize_t *d, const int32_t *input,
                                       void *output, int32_t i, int32_t channel, int32_t count) {
  int32x4_t x = vsubq_n_s32(hwk_load_quad(input + i, count), d->input_zero_point);
  hwk_store_quad(&d->rescale, output, i, x, channel, count);
}

HWK_INLINE void hwk_requantize_s32(const hwk_requantize_t *d, const int32_t *input, void *output,
                                  void *scratch) {
  (void)scratch;
  int32_t row = hwk_per_channel(&d->rescale) ? d->channels : d->elements;
  for (int32_t i = 0; i < d->elements; i += row) {
    int32_t c = 0;
    for (; c + HWK_QUAD <= row; c += HWK_QUAD) {
      hwk_requantize_quad_s32(d, input, output, i + c, c, HWK_QUAD);
    }
    if (c < row) {
      hwk_requantize_quad_s32(d, input, output, i + c, c, row - c);
    }
  }
}

#endif
