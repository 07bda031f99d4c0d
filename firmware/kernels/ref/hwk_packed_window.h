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
  int32_t kept = hwk_clamp(there->end - band->first, 0, band->end - band->first);
  if (kept > 0 && band->first > there->first) {
    hwk_move_down(buffer, buffer + (band->first - there->first) * row, kept * row);
  }
  int32_t first = band->first + kept;
  hwk_unpack(buffer + kept * row, input, first * row, (band->end - first) * row, bits);
  *there = *band;
  return buffer;
}

/* Computes one band of `layer`. */
typedef void hwk_band_function_t(const void *layer, const void *input, void *output,
                                 void *scratch);

/* All bands: `part` is the window in `layer`, `channels` those of the output. */
HWK_INLINE void hwk_packed_bands(const hwk_window_t *w, hwk_window_t *part, int32_t channels,
                                 const hwk_packing_t *p, const void *input, void *output,
                                 int8_t *scratch, hwk_band_function_t *run, const void *layer) {
  int8_t *outputs = scratch + p->input_bytes, *more = outputs + p->output_bytes;
  int32_t row = w->input_width * w->channels, output_row = w->output_width * channels;
  hwk_band_t there = {0, 0, 0};
#pragma GCC unroll 1
  for (int32_t y = 0; y < w->output_height; y += p->step) {
    int32_t count = hwk_min(w->output_height - y, p->step);
    hwk_band_t band = hwk_band(w, y, count);
    part->input_height = band.end - band.first;
    part->output_height = count;
    part->padding_top = band.padding;
    const void *rows = hwk_band_rows(input, p->input_bits[0], row, &band, &there, scratch);
    run(layer, rows, hwk_to_pack(output, y * output_row, p->output_bits, outputs), more);
    hwk_packed(output, y * output_row, count * output_row, p, outputs);
  }
}

typedef void hwk_conv2d_function_t(const hwk_conv2d_t *d, const void *input, void *output,
                                   void *scratch);

/* A convolution with its kernel. */
typedef struct {
  hwk_conv2d_t part;
  const hwk_conv2d_t *whole;
  const hwk_packing_t *packing;
  hwk_conv2d_function_t *kernel;
} hwk_packed_conv2d_t;

/* A tile of output channels after the other; those of several lie apart first. */
HWK_INLINE void hwk_conv2d_band(const void *layer, const void *input, void *output,
                                void *scratch) {
  const hwk_packed_conv2d_t *of = layer;
  const hwk_packing_t *p = of->packing;
  int8_t *weights = scratch, *tile = weights + p->weight_bytes, *more = tile + p->tile_bytes;
  int32_t outputs = of->whole->output_channels;
  if (p->tile >= outputs) {
    of->kernel(&of->part, input, output, more);
    return;
  }
  int32_t pixels = of->part.window.output_height * of->part.window.output_width;
#pragma GCC unroll 1
  for (int32_t o = 0; o < outputs; o += p->tile) {
    hwk_conv2d_t part = of->part;
    part.output_channels = hwk_min(outputs - o, p->tile);
    part.weights = hwk_tile_weights(of->whole->weights, p, o, weights);
    part.bias += o;
    hwk_tile_rescale(&part.rescale, o);
    of->kernel(&part, input, tile, more);
    hwk_join_tile(output, tile, pixels, part.output_channels * part.rescale.output_bytes,
                  outputs * part.rescale.output_bytes, o * part.rescale.output_bytes);
  }
}

HWK_INLINE void hwk_packed_conv2d(const hwk_conv2d_t *d, const hwk_packing_t *p, const void *input,
                                  void *output, void *scratch, hwk_conv2d_function_t *kernel) {
  hwk_packed_conv2d_t of = {*d, d, p, kernel};
  int8_t *weights = (int8_t *)scratch + p->input_bytes + p->output_bytes;
  if (p->tile >= d->output_channels) {
    of.part.weights = hwk_layer_weights(d->weights, p, weights);
  }
  hwk_packed_bands(&d->window, &of.part.window, d->output_channels, p, input, output, scratch,
                   hwk_conv2d_band, &of);
}

typedef void hwk_depthwise_function_t(const hwk_depthwise_conv2d_t *d, const void *input, void *output, void *scratch);

typedef struct {
  hwk_depthwise_conv2d_t part;
  int32_t weight_bytes;
  hwk_depthwise_function_t *kernel;
} hwk_packed_depthwise_t;

HWK_INLINE void hwk_depthwise_band(const void *layer, const void *input, void *output,
                                   void *scratch) {
  const hwk_packed_depthwise_t *of = layer;
  of->kernel(&of->part, input, output, (int8_t *)scratch + of->weight_bytes);
}

HWK_INLINE void hwk_packed_depthwise_conv2d(const hwk_depthwise_conv2d_t *d,
                                            const hwk_packing_t *p, const void *input,
                                            void *output, void *scratch,
                                            hwk_depthwise_function_t *kernel) {
  hwk_packed_depthwise_t of = {*d, p->weight_bytes, kernel};
  int8_t *weights = (int8_t *)scratch + p->input_bytes + p->output_bytes;
  of.part.weights = hwk_layer_weights(d->weights, p, weights);
  hwk_packed_bands(&d->window, &of.part.window, d->window.channels * d->channel_multiplier, p,
                   input, output, scratch, hwk_depthwise_band, &of);
}

/* hwk_packed_<descriptor> of a pool. */
#define HWK_PACKED_POOL(descriptor)                                                               \
  typedef void hwk_##descriptor##_function_t(const hwk_##descriptor##_t *d, const void *input,    \
                                             void *output, void *scratch);                        \
  typedef struct {                                                                                \
    hwk_##descriptor##_t part;                                                                    \
    hwk_##descriptor##_function_t *kernel;                                                        \
  } hwk_packed_##descriptor##_t;                                                                  \
  HWK_INLINE void hwk_##descriptor##_band(const void *layer, const void *input, void *output,     \
                                          void *scratch) {                                        \
    const hwk_packed_##descriptor##_t *of = layer;                                                \
    of->kernel(&of->part, input, output, scratch);                                                \
  }                                                                                               \
  HWK_INLINE void hwk_packed_##descriptor(const hwk_##descriptor##_t *d, const hwk_packing_t *p,  \
                                          const void *input, void *output, void *scratch,         \
                                          hwk_##descriptor##_function_t *kernel) {                \
    hwk_packed_##descriptor##_t of = {*d, kernel};                                                \
    hwk_packed_bands(&d->window, &of.part.window, d->window.channels, p, input, output, scratch,  \
                     hwk_##descriptor##_band, &of);                                               \
  }

HWK_PACKED_POOL(sum_pool)
HWK_PACKED_POOL(pool)

#endif
