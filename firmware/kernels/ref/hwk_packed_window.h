/* Convolutions and pools over packed maps: a few rows at a time in bytes, for the kernels of these.
 *
 * Rows that two bands read stay where they are unpacked. Packed weights are unpacked once for a
 * layer where its outputs are a single tile, else for each band. */
#ifndef HWK_PACKED_WINDOW_H
#define HWK_PACKED_WINDOW_H

#include <hwk_packed_weights.h>
#include <hwk_window.h>

/* The rows first .. end - 1 of the input, and by how much the first output's window starts above
 * them. */
typedef struct {
  int32_t first;
  int32_t end;
  int32_t padding;
} hwk_band_t;

/* Of `count` output rows from y on. Where all their windows lie outside the map, they lie above one
 * row of it. */
HWK_INLINE hwk_band_t hwk_band(const hwk_window_t *w, int32_t y, int32_t count) {
  int32_t first = hwk_window_row(w, y, 0);
  int32_t end = hwk_window_row(w, y + count - 1, w->kernel_height - 1) + 1;
  hwk_band_t band = {hwk_clamp(first, 0, w->input_height - 1), 0, 0};
  band.end = hwk_clamp(end, band.first + 1, w->input_height);
  band.padding = first < w->input_height ? band.first - first : end - first;
  return band;
}

/* Bytes to a place below them. */
HWK_INLINE void hwk_move_down(int8_t *to, const int8_t *from, int32_t count) {
  int32_t k = 0;
#pragma GCC unroll 1
  for (; k + 4 <= count; k += 4) {
    uint32_t word = hwk_load4(from + k);
    hwk_copy(to + k, &word, 4);
  }
#pragma GCC unroll 1
  for (; k < count; ++k) {
    to[k] = from[k];
  }
}

/* The rows of a band, `row` integers each; `there` is the band whose rows are in the buffer. */
HWK_INLINE const void *hwk_band_rows(const void *input, int32_t bits, int32_t row,
                                     const hwk_band_t *band, hwk_band_t *there, int8_t *buffer) {
  if (bits >= 8) {
    return (const int8_t *)input + band->first * row * (bits / 8);
  }
  int32_t kept = hwk_max(there->end - band->first, 0);
  if (kept > 0 && band->first > there->first) {
    hwk_move_down(buffer, buffer + (band->first - there->first) * row, kept * row);
  }
  int32_t first = band->first + kept;
  hwk_unpack(buffer + kept * row, input, first * row, (band->end - first) * row, bits);
  *there = *band;
  return buffer;
}

/* What the bands of a layer have in common: the rows that are unpacked, the buffer for outputs, and
 * what is behind it. */
typedef struct {
  hwk_band_t there;
  int32_t output_row;
  int8_t *outputs;
  int8_t *more;
} hwk_bands_t;

HWK_INLINE hwk_bands_t hwk_bands(const hwk_window_t *w, int32_t channels, const hwk_packing_t *p,
                                 int8_t *scratch) {
  int8_t *outputs = scratch + p->input_bytes;
  hwk_bands_t bands = {{0, 0, 0}, w->output_width * channels, outputs, outputs + p->output_bytes};
  return bands;
}

/* The input of the output rows from y on, whose window `part` becomes. */
HWK_INLINE const void *hwk_band_input(hwk_bands_t *bands, const hwk_window_t *w, hwk_window_t *part,
                                      const hwk_packing_t *p, const void *input, int8_t *scratch,
                                      int32_t y) {
  int32_t count = hwk_min(w->output_height - y, p->step);
  hwk_band_t band = hwk_band(w, y, count);
  part->input_height = band.end - band.first;
  part->output_height = count;
  part->padding_top = band.padding;
  return hwk_band_rows(input, p->input_bits[0], w->input_width * w->channels, &band, &bands->there,
                       scratch);
}

/* Where they go. */
HWK_INLINE void *hwk_band_output(const hwk_bands_t *bands, const hwk_packing_t *p, void *output,
                                 int32_t y) {
  return hwk_to_pack(output, y * bands->output_row, p->output_bits, bands->outputs);
}

/* They are there. */
HWK_INLINE void hwk_band_done(const hwk_bands_t *bands, const hwk_window_t *part,
                              const hwk_packing_t *p, void *output, int32_t y) {
  hwk_packed(output, y * bands->output_row, part->output_height * bands->output_row, p,
             bands->outputs);
}

typedef void hwk_conv2d_function_t(const hwk_conv2d_t *d, const void *input, void *output,
                                   void *scratch);

/* The channels of `part`, a band of `d`, a tile after the other: each tile's outputs lie apart
 * first. */
HWK_INLINE void hwk_conv2d_tiles(const hwk_conv2d_t *d, const hwk_window_t *band,
                                 const hwk_packing_t *p, const void *input, void *output,
                                 int8_t *weights, hwk_conv2d_function_t *kernel) {
  int8_t *tile = weights + p->weight_bytes;
  int32_t outputs = d->output_channels, bytes = d->rescale.output_bytes;
#pragma GCC unroll 1
  for (int32_t o = 0; o < outputs; o += p->tile) {
    hwk_conv2d_t part = *d;
    part.window = *band;
    part.output_channels = hwk_min(outputs - o, p->tile);
    part.weights = hwk_tile_weights(d->weights, p, o, weights);
    part.bias += o;
    hwk_tile_rescale(&part.rescale, o);
    kernel(&part, input, tile, tile + p->tile_bytes);
    hwk_join_tile(output, tile, band->output_height * band->output_width,
                  part.output_channels * bytes, outputs * bytes, o * bytes);
  }
}

HWK_INLINE void hwk_packed_conv2d(const hwk_conv2d_t *d, const hwk_packing_t *p, const void *input,
                                  void *output, void *scratch, hwk_conv2d_function_t *kernel) {
  hwk_bands_t bands = hwk_bands(&d->window, d->output_channels, p, scratch);
  int tiled = p->tile < d->output_channels;
  const void *weights = tiled ? NULL : hwk_layer_weights(d->weights, p, bands.more);
#pragma GCC unroll 1
  for (int32_t y = 0; y < d->window.output_height; y += p->step) {
    hwk_conv2d_t part = *d;
    const void *rows = hwk_band_input(&bands, &d->window, &part.window, p, input, scratch, y);
    void *to = hwk_band_output(&bands, p, output, y);
    if (tiled) {
      hwk_conv2d_tiles(d, &part.window, p, rows, to, bands.more, kernel);
    } else {
      part.weights = weights;
      kernel(&part, rows, to, bands.more + p->weight_bytes);
    }
    hwk_band_done(&bands, &part.window, p, output, y);
  }
}

typedef void hwk_depthwise_function_t(const hwk_depthwise_conv2d_t *d, const void *input,
                                      void *output, void *scratch);

HWK_INLINE void hwk_packed_depthwise_conv2d(const hwk_depthwise_conv2d_t *d, const hwk_packing_t *p,
                                            const void *input, void *output, void *scratch,
                                            hwk_depthwise_function_t *kernel) {
  hwk_bands_t bands = hwk_bands(&d->window, d->window.channels * d->channel_multiplier, p, scratch);
  const void *weights = hwk_layer_weights(d->weights, p, bands.more);
#pragma GCC unroll 1
  for (int32_t y = 0; y < d->window.output_height; y += p->step) {
    hwk_depthwise_conv2d_t part = *d;
    const void *rows = hwk_band_input(&bands, &d->window, &part.window, p, input, scratch, y);
    part.weights = weights;
    kernel(&part, rows, hwk_band_output(&bands, p, output, y), bands.more + p->weight_bytes);
    hwk_band_done(&bands, &part.window, p, output, y);
  }
}

/* hwk_packed_<descriptor> of a pool. */
#define HWK_PACKED_POOL(descriptor)                                                              \
  typedef void hwk_##descriptor##_function_t(const hwk_##descriptor##_t *d, const void *input,   \
                                             void *output, void *scratch);                       \
  HWK_INLINE void hwk_packed_##descriptor(const hwk_##descriptor##_t *d, const hwk_packing_t *p, \
                                          const void *input, void *output, void *scratch,        \
                                          hwk_##descriptor##_function_t *kernel) {               \
    const hwk_window_t *w = &d->window;                                                          \
    hwk_bands_t bands = hwk_bands(w, w->channels, p, scratch);                                   \
    _Pragma("GCC unroll 1") for (int32_t y = 0; y < w->output_height; y += p->step) {            \
      hwk_##descriptor##_t part = *d;                                                            \
      const void *rows = hwk_band_input(&bands, w, &part.window, p, input, scratch, y);          \
      kernel(&part, rows, hwk_band_output(&bands, p, output, y), bands.more);                    \
      hwk_band_done(&bands, &part.window, p, output, y);                                         \
    }                                                                                            \
  }

HWK_PACKED_POOL(sum_pool)
HWK_PACKED_POOL(pool)

#endif
