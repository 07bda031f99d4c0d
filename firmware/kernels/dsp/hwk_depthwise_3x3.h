/* Depthwise convolution, 3x3 at strides of 1 or 2: two output rows at once, SMLAD over
 * neighbouring rows.
 *
 * Four input channels at a time, from top to bottom: for each two output rows they are widened into
 * bands, of each column of a channel its rows in pairs, two 16-bit integers a word, the padding in
 * its place. A word serves both output rows, and up to three neighbouring outputs of each, which pays
 * on maps of a few columns too. The last pair is the first one of the next two rows, so that no row is
 * read again, and outputs of one a channel may lie where the map does. */
#ifndef HWK_DEPTHWISE_3X3_H
#define HWK_DEPTHWISE_3X3_H

#include <hwk_channels.h>
#include <hwk_store.h>
#include <hwk_tile_3x3.h>

/* Whether this is a window for the algorithm here. */
HWK_INLINE int hwk_is_depthwise_3x3(const hwk_depthwise_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return w->kernel_height == 3 && w->kernel_width == 3 && w->dilation_height == 1 &&
         w->dilation_width == 1 && w->stride_height <= 2 && w->stride_width == w->stride_height;
}

/* Words of a column: the pairs of rows under two output rows. */
HWK_INLINE int32_t hwk_band_words(const hwk_window_t *w) { return w->stride_height + 1; }

/* Sums of two output rows, in whole pairs of columns. */
HWK_INLINE int32_t hwk_band_sums(const hwk_window_t *w) {
  return 2 * hwk_round_up(w->output_width, 2);
}

/* Columns of a band. */
HWK_INLINE int32_t hwk_band_columns(const hwk_window_t *w) {
  return (hwk_band_sums(w) / 2 - 1) * w->stride_width + 3;
}

/* Four channels' bands, and the sums of one channel. */
HWK_INLINE size_t hwk_depthwise_3x3_scratch_bytes(const hwk_depthwise_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return (size_t)(16 * hwk_band_words(w) * hwk_band_columns(w) + 4 * hwk_band_sums(w));
}

/* A row of the map, or of the padding: where the next column is, and how far it is from there to
 * the one after that. */
typedef struct {
  const int8_t *at;
  int32_t step;
} hwk_band_row_t;

/* A column of four channels. `a` and `b` are one below the other. */
HWK_INLINE void hwk_band_write(int32_t *column, int32_t channel_words, uint32_t a, uint32_t b) {
  uint32_t low = hwk_low_halves(a, b), high = hwk_high_halves(a, b);
  column[0] = hwk_even_pair(low);
  column[channel_words] = hwk_odd_pair(low);
  column[2 * channel_words] = hwk_even_pair(high);
  column[3 * channel_words] = hwk_odd_pair(high);
}

/* Pairs of rows from `pair` on, in columns from `x` up to `end` of a band, all of them in the padding. */
HWK_INLINE void hwk_band_pad(int32_t *band, int32_t words, int32_t channel_words, int32_t pair,
                             int32_t x, int32_t end, uint32_t padding) {
  for (int32_t *column = band + x * words; x < end; ++x, column += words) {
    for (int32_t v = pair; v < words; ++v) {
      hwk_band_write(column + v, channel_words, padding, padding);
    }
  }
}

/* The last pair of rows of all columns becomes the first one. */
HWK_INLINE void hwk_band_move(const hwk_window_t *w, int32_t *band) {
  int32_t words = hwk_band_words(w);
  const int32_t *end = band + 4 * words * hwk_band_columns(w);
  for (; band != end; band += words) {
    band[0] = band[words - 1];
  }
}

/* What is filled of bands: columns from `column` on, of each the pairs of rows from `pair` on; the bands
 * of two channels lie `channel_words` apart. */
typedef struct {
  int32_t column;
  int32_t pair;
  int32_t channel_words;
} hwk_band_rest_t;

/* Fills the bands of `count` channels (4 or fewer) from channel `c` on, for output rows from y. With
 * negative padding on its left a band starts inside the map. */
HWK_INLINE void hwk_band_fill(const hwk_window_t *w, const int8_t *input, int32_t y, int32_t c,
                              int32_t count, const hwk_band_rest_t *rest, const uint32_t *padding,
                              int32_t *band) {
  int32_t words = hwk_band_words(w), columns = hwk_band_columns(w);
  int32_t channel_words = rest->channel_words, pair = rest->pair;
  int32_t first = hwk_min(hwk_max(w->padding_left, rest->column), columns);
  int32_t end = hwk_max(hwk_min(w->padding_left + w->input_width, columns), first);
  int32_t skipped = (first - w->padding_left) * w->channels;
  hwk_band_row_t rows[6];
  for (int32_t r = 2 * pair; r < 2 * words; ++r) {
    int32_t row = hwk_window_row(w, y, r);
    int inside = row >= 0 && row < w->input_height;
    rows[r].at =
        inside ? input + row * w->input_width * w->channels + skipped + c : (const int8_t *)padding;
    rows[r].step = inside ? w->channels : 0;
  }
  hwk_band_pad(band, words, channel_words, pair, rest->column, first, *padding);
  int32_t *column = band + first * words;
  for (int32_t x = first; x < end; ++x, column += words) {
    for (int32_t v = pair; v < words; ++v) {
      hwk_band_row_t *a = &rows[2 * v], *b = &rows[2 * v + 1];
      hwk_band_write(column + v, channel_words, hwk_load_channels(a->at, count),
                     hwk_load_channels(b->at, count));
      a->at += a->step;
      b->at += b->step;
    }
  }
  hwk_band_pad(band, words, channel_words, pair, end, columns, *padding);
}

/* Rescales and writes the sums of two output rows of one channel. Element `index` of the output is
 * the first of the upper row, `below` elements before the first of the lower one. Where there is
 * no lower row it is written first and then written over. */
HWK_INLINE void hwk_band_store(const hwk_depthwise_conv2d_t *d, int32_t o, const int32_t *sums,
                               void *output, int32_t index, int32_t below) {
  int32_t outputs = d->window.channels * d->channel_multiplier;
  int32_t width = d->window.output_width;
  hwk_channel_t scale = hwk_channel(&d->rescale, o);
  for (int32_t x = 0; x + 2 <= width; x += 2, sums += 4, index += 2 * outputs) {
    hwk_store_scaled(&d->rescale, &scale, output, index + below, sums[2]);
    hwk_store_scaled(&d->rescale, &scale, output, index + below + outputs, sums[3]);
    hwk_store_scaled(&d->rescale, &scale, output, index, sums[0]);
    hwk_store_scaled(&d->rescale, &scale, output, index + outputs, sums[1]);
  }
  if (width % 2 != 0) {
    hwk_store_scaled(&d->rescale, &scale, output, index + below, sums[2]);
    hwk_store_scaled(&d->rescale, &scale, output, index, sums[0]);
  }
}

/* Two output rows of `count` channels from c on, whose bands are there. Element `index` of the output
 * is the first of channel 0 in the upper row, `below` elements before that in the lower one. */
HWK_INLINE void hwk_band_compute(const hwk_depthwise_conv2d_t *d, int32_t c, int32_t count,
                                 const int32_t *band, int32_t channel_words, int32_t *sums,
                                 void *output, int32_t index, int32_t below) {
  const hwk_window_t *w = &d->window;
  hwk_tile_3x3_t *tile = w->stride_width == 1 ? hwk_tile_3x3_stride1 : hwk_tile_3x3_stride2;
  int32_t last = (c + count) * d->channel_multiplier;
  for (int32_t o = c * d->channel_multiplier; o < last; ++o) {
    const int32_t *columns = band + (o / d->channel_multiplier - c) * channel_words;
    tile(columns, (const int8_t *)d->weights + 12 * o, sums, sums + hwk_band_sums(w), d->bias[o]);
    hwk_band_store(d, o, sums, output, index + o, below);
  }
}

HWK_INLINE void hwk_depthwise_3x3(const hwk_depthwise_conv2d_t *d, const int8_t *input,
                                  void *output, void *scratch) {
  const hwk_window_t *w = &d->window;
  int32_t row = w->output_width * w->channels * d->channel_multiplier;
  int32_t *band = scratch;
  HWK_IN_REGISTER(band);
  int32_t channel_words = hwk_band_words(w) * hwk_band_columns(w);
  int32_t *sums = band + 4 * channel_words;
  uint32_t padding = (uint32_t)(uint8_t)d->input_zero_point * 0x01010101u;
  for (int32_t c = 0; c < w->channels; c += 4) {
    int32_t count = hwk_min(w->channels - c, 4);
    for (int32_t y = 0; y < w->output_height; y += 2) {
      if (y == 0) {
        const hwk_band_rest_t all = {0, 0, channel_words};
        hwk_band_fill(w, input, y, c, count, &all, &padding, band);
      } else {
        const hwk_band_rest_t rest = {0, 1, channel_words};
        hwk_band_move(w, band);
        hwk_band_fill(w, input, y, c, count, &rest, &padding, band);
      }
      hwk_band_compute(d, c, count, band, channel_words, sums, output, y * row,
                       y + 1 < w->output_height ? row : 0);
    }
  }
}

#endif
