/* Matrix products over packed rows. */
#ifndef HWK_PACKED_DENSE_H
#define HWK_PACKED_DENSE_H

#include <hwk_packed_weights.h>

typedef void hwk_dense_function_t(const hwk_dense_t *d, const void *input, void *output,
                                  void *scratch);

/* `part` has the rows at hand: a tile of output features after the other. */
HWK_INLINE void hwk_packed_dense_rows(const hwk_dense_t *d, hwk_dense_t *part,
                                      const hwk_packing_t *p, const void *rows, void *output,
                                      int8_t *scratch, hwk_dense_function_t *kernel) {
  int8_t *weights = scratch, *tile = weights + p->weight_bytes, *more = tile + p->tile_bytes;
  int32_t outputs = d->output_features;
  if (p->tile >= outputs) {
    kernel(part, rows, output, more);
    return;
  }
#pragma GCC unroll 1
  for (int32_t o = 0; o < outputs; o += p->tile) {
    hwk_dense_t some = *part;
    some.output_features = hwk_min(outputs - o, p->tile);
    some.weights = hwk_tile_weights(d->weights, p, o, weights);
    some.bias += o;
    hwk_tile_rescale(&some.rescale, o);
    kernel(&some, rows, tile, more);
    hwk_join_tile(output, tile, part->rows, some.output_features * some.rescale.output_bytes,
                  outputs * some.rescale.output_bytes, o * some.rescale.output_bytes);
  }
}

HWK_INLINE void hwk_packed_dense(const hwk_dense_t *d, const hwk_packing_t *p, const void *input,
                                 void *output, void *scratch, hwk_dense_function_t *kernel) {
  hwk_dense_t part = *d;
  int8_t *inputs = scratch, *outputs = inputs + p->input_bytes, *more = outputs + p->output_bytes;
  if (p->tile >= d->output_features) {
    part.weights = hwk_layer_weights(d->weights, p, more);
  }
#pragma GCC unroll 1
  for (int32_t row = 0; row < d->rows; row += p->step) {
    part.rows = hwk_min(d->rows - row, p->step);
    int32_t first = row * d->output_features;
    const void *rows = hwk_unpacked(input, row * d->input_features, part.rows * d->input_features,
                                    p->input_bits[0], inputs);
    hwk_packed_dense_rows(d, &part, p, rows, hwk_to_pack(output, first, p->output_bits, outputs),
                          more, kernel);
    hwk_packed(output, first, part.rows * d->output_features, p, outputs);
  }
}

#endif
