/* Depthwise convolution, int8 weights: 16 channels under a window are copied side by side, and
 * VMLADAVA then sums the taps of one channel, gathered from there. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_H
#define HWK_DEPTHWISE_CONV2D_S8_H

#include <hwk_column.h>
#include <hwk_rescale_quad.h>

#define HWK_BLOCK 16 /* channels copied at once, and taps summed at once */

HWK_INLINE int32_t hwk_depthwise_taps(const hwk_window_t *w) {
  return w->kernel_height * w->kernel_width;
}

/* Rows of a block: its taps, and zeros up to a multiple of 16. */
HWK_INLINE int32_t hwk_depthwise_rows(const hwk_window_t *w) {
  return hwk_round_up(hwk_depthwise_taps(w), HWK_BLOCK);
}

HWK_INLINE size_t hwk_depthwise_conv2d_s8_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return (size_t)(hwk_depthwise_rows(&d->window) * HWK_BLOCK);
}

/* Copies channels c .. c + count - 1 of every tap of output (y, x), a row a tap. */
HWK_INLINE void hwk_depthwise_block(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                    int32_t y, int32_t x, int32_t c, int32_t count,
                                    int8_t *block) {
  const hwk_window_t *w = &d->window;
  mve_pred16_t lanes = vctp8q((uint32_t)count);
  if (hwk_window_inside(w, y, x)) {
    const int8_t *row = hwk_window_pixel(w, input, y, x, 0, 0) + c;
    for (int32_t r = 0; r < w->kernel_height; ++r) {
      const int8_t *pixel = row;
      for (int32_t k = 0; k < w->kernel_width; ++k, block += HWK_BLOCK) {
        vstrbq_s8(block, count >= HWK_BLOCK ? vldrbq_s8(pixel) : vldrbq_z_s8(pixel, lanes));
        pixel += w->dilation_width * w->channels;
      }
      row += w->dilation_height * w->input_width * w->channels;
    }
    return;
  }
  for (int32_t r = 0; r < w->kernel_height; ++r) {
    for (int32_t k = 0; k < w->kernel_width; ++k, block += HWK_BLOCK) {
      const int8_t *pixel = hwk_window_pixel(w, input, y, x, r, k);
      vstrbq_s8(block, pixel != NULL ? vldrbq_z_s8(pixel + c, lanes)
                                     : vdupq_n_s8((int8_t)d->input_zero_point));
    }
  }
}

/* Where the first 16 taps of a channel lie in a block, and in the taps layout (hwk_weights.h). */
typedef struct {
  uint8x16_t block;
  uint8x16_t weights;
} hwk_tap_offsets_t;

HWK_INLINE hwk_tap_offsets_t hwk_tap_offsets(void) {
  const uint8x16_t pairs = {0, 2, 8, 10, 16, 18, 24, 26, 32, 34, 40, 42, 48, 50, 56, 58};
  uint8x16_t numbers = vidupq_n_u8(0, 1);
  hwk_tap_offsets_t offsets = {vshlq_n_u8(numbers, 4), pairs};
  return offsets;
}

/* Adds the products of all taps of one channel; `block` and `weights` are those of its first tap.
 * Lanes without a tap meet a row of zeros, and read a weight that is there. */
HWK_INLINE int32_t hwk_depthwise_channel(int32_t sum, const int8_t *block, const int8_t *weights,
                                         int32_t taps, hwk_tap_offsets_t offsets) {
  int32_t t = 0;
  for (; t + HWK_BLOCK < taps; t += HWK_BLOCK) {
    int8x16_t x = vldrbq_gather_offset_s8(block + t * HWK_BLOCK, offsets.block);
    sum = vmladavaq_s8(sum, x, vldrbq_gather_offset_s8(weights + t * 4, offsets.weights));
  }
  uint8x16_t last = vpselq_u8(offsets.weights, vdupq_n_u8(0), vctp8q((uint32_t)(taps - t)));
  int8x16_t x = vldrbq_gather_offset_s8(block + t * HWK_BLOCK, offsets.block);
  return vmladavaq_s8(sum, x, vldrbq_gather_offset_s8(weights + t * 4, last));
}

/* Output channels o .. o + count - 1, count <= 4, from the block of input channels that starts
 * with c. */
HWK_INLINE void hwk_depthwise_quad(const hwk_depthwise_conv2d_t *d, const int8_t *block,
                                   int32_t c, int32_t o, int32_t count, void *output,
                                   int32_t index, hwk_tap_offsets_t offsets) {
  int32_t taps = hwk_depthwise_taps(&d->window);
  const int8_t *weights = (const int8_t *)d->weights + o / 4 * ((taps + 1) / 2) * 8;
  int32_t sum[HWK_QUAD];
  for (int32_t j = 0; j < HWK_QUAD; ++j) {
    int32_t channel = o + hwk_min(j, count - 1);
    sum[j] = hwk_depthwise_channel(d->bias[channel], block + channel / d->channel_multiplier - c,
                                   weights + j / 2 * 4 + j % 2, taps, offsets);
  }
  int32x4_t sums = {sum[0], sum[1], sum[2], sum[3]};
  hwk_store_quad(&d->rescale, output, index + o, sums, o, count);
}

HWK_INLINE void hwk_depthwise_conv2d_s8(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t outputs = w->channels * d->channel_multiplier;
  int32_t copied = hwk_depthwise_taps(w) * HWK_BLOCK;
  hwk_tap_offsets_t offsets = hwk_tap_offsets();
  for (int32_t k = copied; k < hwk_depthwise_rows(w) * HWK_BLOCK; k += HWK_BLOCK) {
    vstrbq_s8((int8_t *)scratch + k, vdupq_n_s8(0));
  }
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, index += outputs) {
      for (int32_t c = 0; c < w->channels; c += HWK_BLOCK) {
        int32_t end = hwk_min(c + HWK_BLOCK, w->channels);
        hwk_depthwise_block(d, input, y, x, c, end - c, scratch);
        int32_t o = c * d->channel_multiplier, last = end * d->channel_multiplier;
        for (; o + HWK_QUAD <= last; o += HWK_QUAD) {
          hwk_depthwise_quad(d, scratch, c, o, HWK_QUAD, output, index, offsets);
        }
        if (o < last) {
          hwk_depthwise_quad(d, scratch, c, o, last - o, output, index, offsets);
        }
      }
    }
  }
}

#endif
