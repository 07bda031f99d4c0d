/* Integers of 4, 2 or 1 bits to bytes and back, word by word; see hwk_lane_words.h for four of them. */
#ifndef HWK_LANE_BLOCKS_H
#define HWK_LANE_BLOCKS_H

#include <hwk_lane_words.h>

/* Four neighbours in the lowest 4 * bits bits to a byte each, the upper bits of these 0. */
HWK_INLINE uint32_t hwk_lanes_to_bytes(uint32_t lanes, int32_t bits) {
  uint32_t pairs = ((1u << 2 * bits) - 1u) * 0x00010001u;
  lanes &= (1u << 4 * bits) - 1u;
  lanes = (lanes | lanes << (16 - 2 * bits)) & pairs;
  return (lanes | lanes << (8 - bits)) & hwk_low_bits(bits);
}

/* The low bits of four bytes to neighbours: the inverse. */
HWK_INLINE uint32_t hwk_bytes_to_lanes(uint32_t word, int32_t bits) {
  uint32_t pairs = ((1u << 2 * bits) - 1u) * 0x00010001u;
  word &= hwk_low_bits(bits);
  word = (word | word >> (8 - bits)) & pairs;
  return (word | word >> (16 - 2 * bits)) & ((1u << 4 * bits) - 1u);
}

/* Bytes of as many of `count` packed integers as fill whole words, from a word of memory on; returns
 * how many. */
HWK_INLINE int32_t hwk_unpack_blocks(int8_t *to, const uint8_t *from, int32_t count, int32_t bits) {
  int32_t of_word = 32 / bits, done = 0;
#pragma GCC unroll 1
  for (; done + of_word <= count; done += of_word, from += 4) {
    uint32_t word = hwk_biased_lanes(hwk_load4_aligned(from), bits);
    for (int32_t k = 0; k < of_word; k += 4, to += 4) {
      uint32_t bytes = hwk_signed_bytes(hwk_lanes_to_bytes(word >> k * bits, bits), bits);
      hwk_copy(to, &bytes, 4);
    }
  }
  return done;
}

/* The inverse, of bytes clamped to low .. high. */
HWK_INLINE int32_t hwk_pack_blocks(uint8_t *to, const int8_t *from, int32_t count, int32_t bits,
                                   int32_t low, int32_t high) {
  int32_t of_word = 32 / bits, done = 0;
  hwk_limits_t limits = hwk_limits(low, high);
#pragma GCC unroll 1
  for (; done + of_word <= count; done += of_word, to += 4) {
    uint32_t word = 0;
    for (int32_t k = 0; k < of_word; k += 4, from += 4) {
      word |= hwk_bytes_to_lanes(hwk_clamped_bytes(hwk_load4(from), &limits), bits) << k * bits;
    }
    hwk_copy(__builtin_assume_aligned(to, 4), &word, 4);
  }
  return done;
}

#endif
