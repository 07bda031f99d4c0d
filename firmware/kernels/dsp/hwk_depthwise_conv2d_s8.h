/* Depthwise convolution, int8 weights: four channels at a time, SMLAD over pairs of taps. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_H
#define HWK_DEPTHWISE_CONV2D_S8_H

#include <hwk_columns.h>
#include <hwk_store.h>

HWK_INLINE int32_t hwk_depthwise_taps(const hwk_window_t *w) {
  return w->kernel_height * w->kernel_width;
}

/* The taps of one output, needed when some may lie in the padding. */
HWK_INLINE size_t hwk_depthwise_conv2d_s8_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return (size_t)hwk_round_up(hwk_depthwise_taps(&d->window) * d->window.channels, 4);
}

/* Where the taps of an output lie: tap (r, c) at base + r * row_stride + c * column_stride. */
typedef struct {
  const int8_t *base;
  int32_t row_stride;
  int32_t column_stride;
} hwk_tap_grid_t;

HWK_INLINE const int8_t *hwk_grid_tap(hwk_tap_grid_t grid, int32_t width, int32_t t) {
  return grid.base + t / width * grid.row_stride + t % width * grid.column_stride;
}

/* What output channels o .. o + 3 read at a tap; 0 for channels that do not exist. */
HWK_INLINE uint32_t hwk_depthwise_load(const hwk_depthwise_conv2d_t *d, const int8_t *tap,
                                       int32_t o) {
  int32_t outputs = d->window.channels * d->channel_multiplier;
  if (d->channel_multiplier == 1 && o + 4 <= outputs) {
    return hwk_load4(tap + o);
  }
  int8_t bytes[4];
  for (int32_t j = 0; j < 4; ++j) {
    bytes[j] = o + j < outputs ? tap[(o + j) / d->channel_multiplier] : 0;
  }
  return hwk_load4(bytes);
}

/* Adds the products of output channels o .. o + 3 to their sums. */
HWK_INLINE void hwk_depthwise_tile(const hwk_depthwise_conv2d_t *d, hwk_tap_grid_t grid, int32_t o,
                                   int32_t sum[4]) {
  int32_t width = d->window.kernel_width;
  int32_t taps = hwk_depthwise_taps(&d->window);
  const int8_t *weights = (const int8_t *)d->weights + o / 4 * ((taps + 1) / 2) * 8;
  for (int32_t t = 0; t < taps; t += 2, weights += 8) {
    uint32_t a = hwk_depthwise_load(d, hwk_grid_tap(grid, width, t), o);
    uint32_t b = t + 1 < taps ? hwk_depthwise_load(d, hwk_grid_tap(grid, width, t + 1), o) : 0;
    uint32_t low = hwk_low_halves(a, b), high = hwk_high_halves(a, b);
    uint32_t low_weights = hwk_load4_aligned(weights), high_weights = hwk_load4_aligned(weights + 4);
    sum[0] = hwk_mla_pair(sum[0], hwk_even_pair(low), hwk_even_pair(low_weights));
    sum[1] = hwk_mla_pair(sum[1], hwk_odd_pair(low), hwk_odd_pair(low_weights));
    sum[2] = hwk_mla_pair(sum[2], hwk_even_pair(high), hwk_even_pair(high_weights));
    sum[3] = hwk_mla_pair(sum[3], hwk_odd_pair(high), hwk_odd_pair(high_weights));
  }
}

/* All channels of one output pixel, the first of which is element `index`. */
HWK_INLINE void hwk_depthwise_pixel(const hwk_depthwise_conv2d_t *d, hwk_tap_grid_t grid,
                                    void *output, int32_t index) {
  int32_t outputs = d->window.channels * d->channel_multiplier;
  for (int32_t o = 0; o < outputs; o += 4) {
    int32_t sum[4];
    for (int32_t j = 0; j < 4; ++j) {
      sum[j] = d->bias[hwk_min(o + j, outputs - 1)];
    }
    hwk_depthwise_tile(d, grid, o, sum);
    for (int32_t j = 0; j < 4; ++j) {
      if (o + j < outputs) {
        hwk_store(&d->rescale, output, index + o + j, sum[j], o + j);
      }
    }
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                        void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t outputs = w->channels * d->channel_multiplier;
  int32_t index = 0;
  for (int32_t y = 0; y < w->output_height; ++y) {
    for (int32_t x = 0; x < w->output_width; ++x, index += outputs) {
      if (hwk_window_inside(w, y, x)) {
        hwk_tap_grid_t map = {hwk_window_pixel(w, input, y, x, 0, 0),
                              w->dilation_height * w->input_width * w->channels,
                              w->dilation_width * w->channels};
        hwk_depthwise_pixel(d, map, output, index);
      } else {
        hwk_gather_bytes(w, input, d->input_zero_point, y, x, scratch);
        hwk_tap_grid_t patch = {scratch, w->kernel_width * w->channels, w->channels};
        hwk_depthwise_pixel(d, patch, output, index);
      }
    }
  }
}

#endif
