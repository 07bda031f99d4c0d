/* Depthwise convolution 3x3 at a stride of 1, fours of channels, one output for each: four output
 * rows at once, rescale and store among the products (hwk_tile_bands.h).
 *
 * Four channels at a time, from top to bottom: for each four output rows they are widened into bands,
 * of each column of a channel its six rows in pairs, the padding in its place. The last pair is the
 * first one of the next four rows, so that no row is read again, and the outputs may lie where the
 * map does. Of the descriptor's tables only `weights` is there, a stream of seven words a channel. */
#ifndef HWK_DEPTHWISE_CONV2D_S8_BANDS_H
#define HWK_DEPTHWISE_CONV2D_S8_BANDS_H

#include <hwk_tile_bands.h>
#include <hwk_window.h>

HWK_INLINE int32_t hwk_bands_columns(const hwk_depthwise_conv2d_t *d) {
  return d->window.output_width + 2;
}

/* Four channels' bands. */
HWK_INLINE size_t hwk_depthwise_conv2d_s8_bands_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  return (size_t)(16 * HWK_BAND_WORDS * hwk_bands_columns(d));
}

/* A pair of rows in a column of four channels, `a` above `b`. */
HWK_INLINE void hwk_bands_write(int32_t *column, int32_t channel_words, uint32_t a, uint32_t b) {
  uint32_t low = hwk_low_halves(a, b), high = hwk_high_halves(a, b);
  column[0] = hwk_even_pair(low);
  column[channel_words] = hwk_odd_pair(low);
  column[2 * channel_words] = hwk_even_pair(high);
  column[3 * channel_words] = hwk_odd_pair(high);
}

/* Row `row` of the map from channel c on, or the padding, which has no next column. */
HWK_INLINE const int8_t *hwk_bands_row(const hwk_window_t *w, const int8_t *input, int32_t row,
                                       int32_t c, const uint32_t *padding, int32_t *step) {
  int inside = row >= 0 && row < w->input_height;
  *step = inside ? w->channels : 0;
  return inside ? input + row * w->input_width * w->channels + c : (const int8_t *)padding;
}

/* A pair of rows, the upper one `row` of the map, of all columns of the bands. */
HWK_INLINE void hwk_bands_fill(const hwk_depthwise_conv2d_t *d, const int8_t *input, int32_t row,
                               int32_t c, int32_t *column) {
  const hwk_window_t *w = &d->window;
  uint32_t padding = (uint32_t)(uint8_t)d->input_zero_point * 0x01010101u;
  int32_t columns = hwk_bands_columns(d), channel_words = HWK_BAND_WORDS * columns;
  int32_t first = hwk_min(w->padding_left, columns);
  int32_t end = hwk_min(w->padding_left + w->input_width, columns);
  int32_t a_step, b_step, x = 0;
  const int8_t *a = hwk_bands_row(w, input, row, c, &padding, &a_step);
  const int8_t *b = hwk_bands_row(w, input, row + 1, c, &padding, &b_step);
  for (; x < first; ++x, column += HWK_BAND_WORDS) {
    hwk_bands_write(column, channel_words, padding, padding);
  }
  for (; x < end; ++x, column += HWK_BAND_WORDS, a += a_step, b += b_step) {
    hwk_bands_write(column, channel_words, hwk_load4_aligned(a), hwk_load4_aligned(b));
  }
  for (; x < columns; ++x, column += HWK_BAND_WORDS) {
    hwk_bands_write(column, channel_words, padding, padding);
  }
}

/* The last pair of rows of all columns becomes the first one. */
HWK_INLINE void hwk_bands_move(const hwk_depthwise_conv2d_t *d, int32_t *bands) {
  const int32_t *end = bands + 4 * HWK_BAND_WORDS * hwk_bands_columns(d);
  for (; bands != end; bands += HWK_BAND_WORDS) {
    bands[0] = bands[HWK_BAND_WORDS - 1];
  }
}

HWK_INLINE void hwk_depthwise_conv2d_s8_bands(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                              void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t *bands = scratch;
  HWK_IN_REGISTER(bands);
  int32_t channel_words = HWK_BAND_WORDS * hwk_bands_columns(d);
  hwk_band_outputs_t outputs = {w->channels, w->output_width * w->channels, w->output_width, 0};
  const int32_t *stream = d->weights;
  for (int32_t c = 0; c < w->channels; c += 4, stream += 4 * HWK_BAND_STREAM) {
    int8_t *to = (int8_t *)output + c;
    for (int32_t y = 0; y < w->output_height; y += HWK_BAND_ROWS) {
      outputs.rows = hwk_min(w->output_height - y, HWK_BAND_ROWS);
      if (y != 0) {
        hwk_bands_move(d, bands);
      }
      for (int32_t v = y != 0; 2 * v < outputs.rows + 2; ++v) {
        hwk_bands_fill(d, input, y - w->padding_top + 2 * v, c, bands + v);
      }
      for (int32_t n = 0; n < 4; ++n) {
        hwk_band_channel(bands + n * channel_words, stream + n * HWK_BAND_STREAM, to + n, &outputs);
      }
      to += HWK_BAND_ROWS * outputs.row;
    }
  }
}

#endif
