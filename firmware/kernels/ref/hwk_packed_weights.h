/* Weights of fewer than 8 bits, unpacked to the bytes that a kernel reads, for all output channels of
 * a layer or for a tile of them. */
#ifndef HWK_PACKED_WEIGHTS_H
#define HWK_PACKED_WEIGHTS_H

#include <hwk_lanes.h>

/* Bytes of 0 and -1 to `low` and `high`; a multiple of 4. */
HWK_NOINLINE void hwk_two_values(int8_t *bytes, int32_t count, int32_t low, int32_t high) {
  uint32_t zeros = (uint32_t)(uint8_t)low * 0x01010101u;
  uint32_t change = (uint32_t)(uint8_t)(low ^ high) * 0x01010101u;
#pragma GCC unroll 1
  for (int32_t k = 0; k < count; k += 4) {
    uint32_t word = zeros ^ (hwk_load4_aligned(bytes + k) & change);
    hwk_copy(__builtin_assume_aligned(bytes + k, 4), &word, 4);
  }
}

/* `count` weights, a multiple of 4, from weight `first` on. */
HWK_INLINE const void *hwk_weights_from(const void *packed, const hwk_packing_t *p, int32_t first,
                                        int32_t count, int8_t *buffer) {
  hwk_unpack(buffer, packed, first, count, p->weight_bits);
  if (p->weight_bits == 1) {
    hwk_two_values(buffer, count, p->low, p->high);
  }
  return buffer;
}

/* All weights of a layer. */
HWK_INLINE const void *hwk_layer_weights(const void *packed, const hwk_packing_t *p,
                                         int8_t *buffer) {
  return p->weight_bits == 8 ? packed : hwk_weights_from(packed, p, 0, p->weight_bytes, buffer);
}

/* Those of the tile of output channels from o on. */
HWK_INLINE const void *hwk_tile_weights(const void *packed, const hwk_packing_t *p, int32_t o,
                                        int8_t *buffer) {
  int32_t count = hwk_min(p->weight_rows - o, p->tile) * p->row_bytes;
  return hwk_weights_from(packed, p, o * p->row_bytes, count, buffer);
}

/* The rescale of channels from o on. */
HWK_INLINE void hwk_tile_rescale(hwk_rescale_t *r, int32_t o) {
  if (r->multipliers != NULL) {
    r->multipliers += o;
  }
  if (r->shifts != NULL) {
    r->shifts += o;
  }
  if (r->offsets != NULL) {
    r->offsets += o * r->offset_step;
  }
}

/* `size` bytes of a tile for each of `pixels`, to byte `at` of each `step` bytes. */
HWK_INLINE void hwk_join_tile(int8_t *output, const int8_t *tile, int32_t pixels, int32_t size,
                              int32_t step, int32_t at) {
#pragma GCC unroll 1
  for (int32_t n = 0; n < pixels; ++n, tile += size) {
#pragma GCC unroll 1
    for (int32_t k = 0; k < size; ++k) {
      output[n * step + at + k] = tile[k];
    }
  }
}

#endif
