/* Rescaling a tensor, four integers at once, for all widths of input. */
#ifndef HWK_REQUANTIZE_QUADS_H
#define HWK_REQUANTIZE_QUADS_H

#include <hwk_rescale_quad.h>

/* Loads elements i .. i + count - 1 of the input as lanes, count <= 4. */
typedef int32x4_t hwk_load_t(const void *input, int32_t i, int32_t count);

/* Elements i .. i + count - 1, the first of which is of `channel`; count <= 4. */
HWK_INLINE void hwk_requantize_quad(const hwk_requantize_t *d, const void *input, void *output,
                                    int32_t i, int32_t channel, int32_t count, hwk_load_t *load) {
  int32x4_t x = vsubq_n_s32(load(input, i, count), d->input_zero_point);
  hwk_store_quad(&d->rescale, output, i, x, channel, count);
}

HWK_INLINE void hwk_requantize_quads(const hwk_requantize_t *d, const void *input, void *output,
                                     hwk_load_t *load) {
  int32_t row = hwk_per_channel(&d->rescale) ? d->channels : d->elements;
  for (int32_t i = 0; i < d->elements; i += row) {
    int32_t c = 0;
    for (; c + HWK_QUAD <= row; c += HWK_QUAD) {
      hwk_requantize_quad(d, input, output, i + c, c, HWK_QUAD, load);
    }
    if (c < row) {
      hwk_requantize_quad(d, input, output, i + c, c, row - c, load);
    }
  }
}

#endif
