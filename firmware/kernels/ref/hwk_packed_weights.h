/* Weights of fewer than 8 bits, unpacked to the bytes that a kernel reads, for all output channels of
 * a layer or for a tile of them. */
#ifndef HWK_PACKED_WEIGHTS_H
#define HWK_PACKED_WEIGHTS_H

#include <hwk_lanes.h>
#include <hwk_lane_words.h>

/* Four bytes of fewer bits to weights: extended by their sign, or of one bit `p->low` and `p->high`. */
HWK_INLINE uint32_t hwk_weight_bytes(uint32_t word, int32_t bits, uint32_t zeros, uint32_t change) {
  uint32_t lanes = word & hwk_low_bits(bits);
  return bits == 1 ? zeros ^ (((lanes << 8) - lanes) & change) : hwk_signed_bytes(lanes, bits);
}

/* `count` weights, whole words of them: byte j of a word has weights j, j + 4, j + 8, ... from its low
 * bits up, so that a mask gives four neighbours. */
HWK_INLINE void hwk_unpack_weights(int8_t *to, const uint8_t *from, int32_t count, int32_t bits,
                                   uint32_t zeros, uint32_t change) {
  const int8_t *end = to + count;
#pragma GCC unroll 1
  for (; to < end; from += 4) {
    uint32_t word = hwk_load4_aligned(from);
    word = bits == 1 ? word : hwk_biased_lanes(word, bits);
    for (int32_t k = 0; k < 8; k += bits, to += 4) {
      uint32_t bytes = hwk_weight_bytes(word >> k, bits, zeros, change);
      hwk_copy(__builtin_assume_aligned(to, 4), &bytes, 4);
    }
  }
}

/* One copy of each for all layers. */
HWK_NOINLINE void hwk_unpack_weights_4(int8_t *to, const uint8_t *from, int32_t count) {
  hwk_unpack_weights(to, from, count, 4, 0, 0);
}
HWK_NOINLINE void hwk_unpack_weights_2(int8_t *to, const uint8_t *from, int32_t count) {
  hwk_unpack_weights(to, from, count, 2, 0, 0);
}
HWK_NOINLINE void hwk_unpack_weights_1(int8_t *to, const uint8_t *from, int32_t count,
                                       uint32_t zeros, uint32_t change) {
  hwk_unpack_weights(to, from, count, 1, zeros, change);
}

/* `count` weights from weight `first` on, whole words of both. */
HWK_INLINE const void *hwk_weights_from(const void *packed, const hwk_packing_t *p, int32_t first,
                                        int32_t count, int8_t *buffer) {
  const uint8_t *from = (const uint8_t *)packed + first * p->weight_bits / 8;
  count = hwk_round_up(count, 32 / p->weight_bits);
  if (p->weight_bits == 4) {
    hwk_unpack_weights_4(buffer, from, count);
  } else if (p->weight_bits == 2) {
    hwk_unpack_weights_2(buffer, from, count);
  } else {
    hwk_unpack_weights_1(buffer, from, count, (uint32_t)(uint8_t)p->low * 0x01010101u,
                         (uint32_t)(uint8_t)(p->low ^ p->high) * 0x01010101u);
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
