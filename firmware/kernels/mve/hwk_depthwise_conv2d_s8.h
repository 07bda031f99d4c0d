/* Depthwise convolution, int8 weights: sixteen channels side by side, a tap at a time. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_H
#define HWK_DEPTHWISE_CONV2D_S8_H

#include <hwk_column.h>
#include <hwk_rescale_quad.h>

#define HWK_BLOCK 16 /* channels at once */

HWK_INLINE int32_t hwk_depthwise_taps(const hwk_window_t *w) {
  return w->kernel_height * w->kernel_width;
}

/* Where the taps of a pixel lie, sixteen sums, and a pixel of padding. */
HWK_INLINE size_t hwk_depthwise_conv2d_s8_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return (size_t)(4 * hwk_depthwise_taps(w) + 4 * HWK_BLOCK + w->channels);
}

/* Which channels sixteen outputs from o on read, counted from that of the first one. */
HWK_INLINE uint8x16_t hwk_depthwise_offsets(int32_t o, int32_t multiplier) {
  uint8_t offsets[HWK_BLOCK];
  for (int32_t j = 0; j < HWK_BLOCK; ++j) {
    offsets[j] = (uint8_t)((o % multiplier + j) / multiplier);
  }
  return vldrbq_u8(offsets);
}

/* The integers of `count` outputs from o on, at most 16, in a pixel that holds all channels. */
HWK_INLINE int8x16_t hwk_depthwise_load(const int8_t *pixel, int32_t o, int32_t count,
                                        int32_t multiplier, uint8x16_t offsets) {
  if (multiplier == 1 && count >= HWK_BLOCK) {
    return vldrbq_s8(pixel + o);
  }
  mve_pred16_t lanes = vctp8q((uint32_t)count);
  return multiplier == 1 ? vldrbq_z_s8(pixel + o, lanes)
                         : vldrbq_gather_offset_z_s8(pixel + o / multiplier, offsets, lanes);
}

/* The sums of all taps of `count` outputs from o on, at most 16, in order. Products of bytes fit 16
 * bits; bytes of even and odd channels are multiplied apart, and their products widened apart
 * again, so that one vector of sums holds every fourth channel: VST4 puts them in order. */
HWK_INLINE void hwk_depthwise_block(const hwk_depthwise_conv2d_t *d, const int8_t *const *pixels,
                                    int32_t o, int32_t count, int32_t *sums) {
  int32_t multiplier = d->channel_multiplier, taps = hwk_depthwise_taps(&d->window);
  const int8_t *weights = (const int8_t *)d->weights + o * taps;
  uint8x16_t offsets = multiplier == 1 ? vdupq_n_u8(0) : hwk_depthwise_offsets(o, multiplier);
  int32x4x4_t sum;
  for (int32_t n = 0; n < 4; ++n) {
    sum.val[n] = vdupq_n_s32(0);
  }
  for (int32_t t = 0; t < taps; ++t, weights += HWK_BLOCK) {
    int8x16_t x = hwk_depthwise_load(pixels[t], o, count, multiplier, offsets);
    int8x16_t weight = vldrbq_s8(weights);
    int16x8_t even = vmullbq_int_s8(x, weight), odd = vmulltq_int_s8(x, weight);
    sum.val[0] = vaddq_s32(sum.val[0], vmovlbq_s16(even));
    sum.val[1] = vaddq_s32(sum.val[1], vmovlbq_s16(odd));
    sum.val[2] = vaddq_s32(sum.val[2], vmovltq_s16(even));
    sum.val[3] = vaddq_s32(sum.val[3], vmovltq_s16(odd));
  }
  vst4q_s32(sums, sum);
}

/* The same of at most eight outputs that read a channel each: bytes are widened as they are loaded. */
HWK_INLINE void hwk_depthwise_half(const hwk_depthwise_conv2d_t *d, const int8_t *const *pixels,
                                   int32_t o, int32_t count, int32_t *sums) {
  int32_t taps = hwk_depthwise_taps(&d->window);
  const int8_t *weights = (const int8_t *)d->weights + o * taps;
  mve_pred16_t lanes = vctp16q((uint32_t)count);
  int32x4x2_t sum = {{vdupq_n_s32(0), vdupq_n_s32(0)}};
  for (int32_t t = 0; t < taps; ++t, weights += HWK_BLOCK) {
    int16x8_t x = vldrbq_z_s16(pixels[t] + o, lanes);
    int16x8_t products = vmulq_s16(x, vldrbq_s16(weights));
    sum.val[0] = vaddq_s32(sum.val[0], vmovlbq_s16(products));
    sum.val[1] = vaddq_s32(sum.val[1], vmovltq_s16(products));
  }
  vst2q_s32(sums, sum);
}

/* Adds the biases, rescales and writes `count` <= 16 sums of channels from o on. */
HWK_INLINE void hwk_depthwise_store(const hwk_depthwise_conv2d_t *d, const int32_t *sums,
                                    void *output, int32_t index, int32_t o, int32_t count) {
  for (int32_t j = 0; j < count; j += HWK_QUAD) {
    int32_t rest = hwk_min(count - j, HWK_QUAD);
    int32x4_t sum = vaddq_s32(vldrwq_s32(sums + j), hwk_load_quad(d->bias + o + j, rest));
    hwk_store_quad(&d->rescale, output, index + o + j, sum, o + j, rest);
  }
}

/* One output pixel; element `index` of the output is its first channel. */
HWK_INLINE void hwk_depthwise_pixel(const hwk_depthwise_conv2d_t *d, const int8_t *const *pixels,
                                    void *output, int32_t index, int32_t *sums) {
  int32_t outputs = d->window.channels * d->channel_multiplier, o = 0;
  for (; o + HWK_BLOCK <= outputs; o += HWK_BLOCK) {
    hwk_depthwise_block(d, pixels, o, HWK_BLOCK, sums);
    hwk_depthwise_store(d, sums, output, index, o, HWK_BLOCK);
  }
  int32_t rest = outputs - o;
  if (rest > HWK_BLOCK / 2 || (rest > 0 && d->channel_multiplier > 1)) {
    hwk_depthwise_block(d, pixels, o, rest, sums);
  } else if (rest > 0) {
    hwk_depthwise_half(d, pixels, o, rest, sums);
  }
  hwk_depthwise_store(d, sums, output, index, o, rest);
}

/* Where the taps of output (y, x) lie. */
HWK_INLINE void hwk_depthwise_pixels(const hwk_window_t *w, const int8_t *input, int32_t y,
                                     int32_t x, const int8_t *padding, const int8_t **pixels) {
  if (hwk_window_inside(w, y, x)) {
    const int8_t *row = hwk_window_pixel(w, input, y, x, 0, 0);
    for (int32_t r = 0; r < w->kernel_height; ++r) {
      for (int32_t c = 0; c < w->kernel_width; ++c) {
        *pixels++ = row + c * w->dilation_width * w->channels;
      }
      row += w->dilation_height * w->input_width * w->channels;
    }
    return;
  }
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t c = 0; c < w->kernel_width; ++c) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, c);
      *pixels++ = pixel != NULL ? pixel : padding;
    }
  }
}

/* Weights lie in blocks (hwk_weights.h). */
HWK_INLINE void hwk_depthwise_conv2d_s8(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  const int8_t **pixels = scratch;
  int32_t *sums = (int32_t *)(pixels + hwk_depthwise_taps(w));
  int8_t *padding = (int8_t *)(sums + HWK_BLOCK);
  memset(padding, d->input_zero_point, (size_t)w->channels);
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x) {
      hwk_depthwise_pixels(w, input, y, x, padding, pixels);
      hwk_depthwise_pixel(d, pixels, output, index, sums);
      index += w->channels * d->channel_multiplier;
    }
  }
}

#endif
