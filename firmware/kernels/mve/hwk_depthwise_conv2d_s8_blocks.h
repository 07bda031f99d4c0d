/* Depthwise convolution, int8 weights of -127 and above, one output for each channel, double rounding
 * into the whole of int8: sixteen channels side by side, two taps at a time, whose products fit 16
 * bits together; the rescale in the order in which the sums come. Of the descriptor's tables only
 * `weights` is there, a stream that holds for each sixteen channels, missing ones zeros:
 *
 *   16 bytes a tap    weights
 *   16 words each     biases; multipliers; 31 - shift, below 0: of channels 0, 4, 8, 12, then of 1,
 *                     5, 9, 13, and so on
 */
#ifndef HWK_DEPTHWISE_CONV2D_S8_BLOCKS_H
#define HWK_DEPTHWISE_CONV2D_S8_BLOCKS_H

#include <hwk_depthwise_conv2d_s8.h>

HWK_INLINE size_t hwk_depthwise_conv2d_s8_blocks_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return (size_t)(4 * hwk_depthwise_taps(&d->window) + d->window.channels);
}

/* Adds the products of `pairs` >= 1 pairs of taps of sixteen channels from o on to four vectors of
 * sums: every fourth channel from 0, 1, 2 and 3 on. One vector of weights is loaded twice: all
 * registers are taken. */
HWK_INLINE const int8_t *hwk_add_pairs(int32x4_t sum[4], const int8_t *const *pixels, int32_t o,
                                       const int8_t *weights, int32_t pairs) {
  int8x16_t x, w, even, odd;
  const int8_t *first, *second;
  __asm__ volatile(
      "dls lr, %[pairs]\n"
      "1: ldrd %[first], %[second], [%[pixels]], #8\n"
      "add %[first], %[o]\n"
      "add %[second], %[o]\n"
      "vldrb.u8 %q[x], [%[first]]\n"
      "vldrb.u8 %q[w], [%[weights]]\n"
      "vmullb.s8 %q[even], %q[x], %q[w]\n"
      "vmullt.s8 %q[odd], %q[x], %q[w]\n"
      "vldrb.u8 %q[x], [%[second]]\n"
      "vldrb.u8 %q[w], [%[weights], #16]\n"
      "vmullb.s8 %q[w], %q[x], %q[w]\n"
      "vadd.i16 %q[even], %q[even], %q[w]\n"
      "vldrb.u8 %q[w], [%[weights], #16]\n"
      "vmullt.s8 %q[x], %q[x], %q[w]\n"
      "vadd.i16 %q[odd], %q[odd], %q[x]\n"
      "vmovlb.s16 %q[w], %q[even]\n"
      "vadd.i32 %q[sum0], %q[sum0], %q[w]\n"
      "vmovlt.s16 %q[x], %q[even]\n"
      "vadd.i32 %q[sum2], %q[sum2], %q[x]\n"
      "vmovlb.s16 %q[w], %q[odd]\n"
      "vadd.i32 %q[sum1], %q[sum1], %q[w]\n"
      "vmovlt.s16 %q[x], %q[odd]\n"
      "vadd.i32 %q[sum3], %q[sum3], %q[x]\n"
      "adds %[weights], #32\n"
      "le lr, 1b\n"
      : [sum0] "+w"(sum[0]), [sum1] "+w"(sum[1]), [sum2] "+w"(sum[2]), [sum3] "+w"(sum[3]),
        [x] "=&w"(x), [w] "=&w"(w), [even] "=&w"(even), [odd] "=&w"(odd), [first] "=&r"(first),
        [second] "=&r"(second), [pixels] "+r"(pixels), [weights] "+l"(weights)
      : [o] "r"(o), [pairs] "r"(pairs)
      : "lr", "cc", "memory");
  return weights;
}

/* The same of one tap of `count` channels. */
HWK_INLINE void hwk_add_tap(int32x4_t sum[4], const int8_t *x, const int8_t *weights,
                            int32_t count) {
  int8x16_t of_map = count >= HWK_BLOCK ? vldrbq_s8(x) : vldrbq_z_s8(x, vctp8q((uint32_t)count));
  int8x16_t weight = vldrbq_s8(weights);
  int16x8_t even = vmullbq_int_s8(of_map, weight), odd = vmulltq_int_s8(of_map, weight);
  sum[0] = vaddq_s32(sum[0], vmovlbq_s16(even));
  sum[1] = vaddq_s32(sum[1], vmovlbq_s16(odd));
  sum[2] = vaddq_s32(sum[2], vmovltq_s16(even));
  sum[3] = vaddq_s32(sum[3], vmovltq_s16(odd));
}

HWK_INLINE int32x4_t hwk_block_scaled(int32x4_t sum, const int32_t *multipliers) {
  int32x4_t high = vqrdmulhq_s32(sum, vldrwq_s32(multipliers));
  return vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), vldrwq_s32(multipliers + HWK_BLOCK));
}

/* Sums of channels c and c + 2 in turn, rescaled to 16 bits: both narrowings saturate, and only what
 * int8 cuts off too. */
HWK_INLINE int16x8_t hwk_block_half(int32x4_t first, int32x4_t second, const int32_t *multipliers,
                                    int32_t zero_point) {
  int16x8_t half = vqmovnbq_s32(vdupq_n_s16(0), hwk_block_scaled(first, multipliers));
  half = vqmovntq_s32(half, hwk_block_scaled(second, multipliers + 2 * HWK_QUAD));
  return vqaddq_n_s16(half, (int16_t)zero_point);
}

/* `count` <= 16 outputs of a pixel, whose taps lie at `pixels` + o; the end of their stream. */
HWK_INLINE const int8_t *hwk_depthwise_outputs(const hwk_depthwise_conv2d_t *d,
                                               const int8_t *const *pixels, int32_t o,
                                               int32_t count, const int8_t *stream,
                                               int8_t *output) {
  int32_t taps = hwk_depthwise_taps(&d->window), t = 0;
  const int32_t *biases = (const int32_t *)(const void *)(stream + taps * HWK_BLOCK);
  int32x4_t sum[4];
  for (int32_t n = 0; n < 4; ++n) {
    sum[n] = vldrwq_s32(biases + n * HWK_QUAD);
  }
  if (count >= HWK_BLOCK && taps >= 2) {
    stream = hwk_add_pairs(sum, pixels, o, stream, taps / 2);
    t = taps / 2 * 2;
  }
  for (; t < taps; ++t, stream += HWK_BLOCK) {
    hwk_add_tap(sum, pixels[t] + o, stream, count);
  }
  const int32_t *multipliers = biases + HWK_BLOCK;
  int32_t zero_point = d->rescale.zero_point;
  int16x8_t even = hwk_block_half(sum[0], sum[2], multipliers, zero_point);
  int16x8_t odd = hwk_block_half(sum[1], sum[3], multipliers + HWK_QUAD, zero_point);
  int8x16_t both = vqmovntq_s16(vqmovnbq_s16(vdupq_n_s8(0), even), odd);
  if (count >= HWK_BLOCK) {
    vstrbq_s8(output + o, both);
  } else {
    vstrbq_p_s8(output + o, both, vctp8q((uint32_t)count));
  }
  return (const int8_t *)(multipliers + 2 * HWK_BLOCK);
}

HWK_INLINE void hwk_depthwise_conv2d_s8_blocks(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                               void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  const int8_t **pixels = scratch;
  int8_t *padding = (int8_t *)(pixels + hwk_depthwise_taps(w)), *to = output;
  memset(padding, d->input_zero_point, (size_t)w->channels);
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, to += w->channels) {
      hwk_depthwise_pixels(w, input, y, x, padding, pixels);
      const int8_t *stream = d->weights;
      int32_t o = 0;
      for (; o + HWK_BLOCK <= w->channels; o += HWK_BLOCK) {
        stream = hwk_depthwise_outputs(d, pixels, o, HWK_BLOCK, stream, to);
      }
      if (o < w->channels) {
        hwk_depthwise_outputs(d, pixels, o, w->channels - o, stream, to);
      }
    }
  }
}

#endif
