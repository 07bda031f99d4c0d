/* Integers of 4, 2 or 1 bits to bytes and back (hwk_packing.h): four at a time. */
#ifndef HWK_LANES_H
#define HWK_LANES_H

#include <hwk_kernels.h>
#include <hwk_packing.h>
#include <hwk_signed_lanes.h>

/* Integer `index` of a packed tensor. */
HWK_INLINE int32_t hwk_lane(const uint8_t *packed, int32_t index, int32_t bits) {
  int32_t bit = index * bits, sign = 1 << (bits - 1);
  int32_t value = packed[bit >> 3] >> (bit & 7) & ((1 << bits) - 1);
  return (value ^ sign) - sign;
}

/* Integer `index` becomes `value`, its neighbours stay. */
HWK_INLINE void hwk_set_lane(uint8_t *packed, int32_t index, int32_t bits, int32_t value) {
  int32_t bit = index * bits, mask = (1 << bits) - 1;
  uint8_t *byte = packed + (bit >> 3);
  *byte = (uint8_t)((*byte & ~(mask << (bit & 7))) | (value & mask) << (bit & 7));
}

/* The low bits of each byte of a word. */
HWK_INLINE uint32_t hwk_low_bits(int32_t bits) { return ((1u << bits) - 1u) * 0x01010101u; }

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

/* The first integer from `index` on, at most `end`, with which a word of memory starts. */
HWK_INLINE int32_t hwk_next_word(const uint8_t *packed, int32_t index, int32_t end, int32_t bits) {
  int32_t bit = ((int32_t)((uintptr_t)packed % 4) * 8 + index * bits) % 32;
  return hwk_min(index + (32 - bit) % 32 / bits, end);
}

/* Integers `first` .. `first + count - 1` to bytes. Whole words of the packed ones where these are
 * aligned. */
HWK_INLINE void hwk_unpack_as(int8_t *to, const uint8_t *packed, int32_t first, int32_t count,
                              int32_t bits) {
  int32_t end = first + count, index = first, of_word = 32 / bits;
  int32_t words = hwk_next_word(packed, first, end, bits);
#pragma GCC unroll 1
  for (; index < words; ++index) {
    *to++ = (int8_t)hwk_lane(packed, index, bits);
  }
  const uint8_t *from = packed + index * bits / 8;
#pragma GCC unroll 1
  for (; index + of_word <= end; index += of_word, from += 4) {
    uint32_t word = hwk_biased_lanes(hwk_load4_aligned(from), bits);
    for (int32_t k = 0; k < of_word; k += 4, to += 4) {
      uint32_t bytes = hwk_signed_bytes(hwk_lanes_to_bytes(word >> k * bits, bits), bits);
      hwk_copy(to, &bytes, 4);
    }
  }
#pragma GCC unroll 1
  for (; index < end; ++index) {
    *to++ = (int8_t)hwk_lane(packed, index, bits);
  }
}

/* The inverse: bytes to the integers from `first` on; their neighbours stay. */
HWK_INLINE void hwk_pack_as(uint8_t *packed, int32_t first, const int8_t *from, int32_t count,
                            int32_t bits) {
  int32_t end = first + count, index = first, of_word = 32 / bits;
  int32_t words = hwk_next_word(packed, first, end, bits);
#pragma GCC unroll 1
  for (; index < words; ++index) {
    hwk_set_lane(packed, index, bits, *from++);
  }
  uint8_t *to = packed + index * bits / 8;
#pragma GCC unroll 1
  for (; index + of_word <= end; index += of_word, to += 4) {
    uint32_t word = 0;
    for (int32_t k = 0; k < of_word; k += 4, from += 4) {
      word |= hwk_bytes_to_lanes(hwk_load4(from), bits) << k * bits;
    }
    hwk_copy(__builtin_assume_aligned(to, 4), &word, 4);
  }
#pragma GCC unroll 1
  for (; index < end; ++index) {
    hwk_set_lane(packed, index, bits, *from++);
  }
}

/* One copy of each for all layers. */
HWK_NOINLINE void hwk_unpack_lanes_4(int8_t *to, const void *from, int32_t first, int32_t count) {
  hwk_unpack_as(to, from, first, count, 4);
}
HWK_NOINLINE void hwk_unpack_lanes_2(int8_t *to, const void *from, int32_t first, int32_t count) {
  hwk_unpack_as(to, from, first, count, 2);
}
HWK_NOINLINE void hwk_unpack_lanes_1(int8_t *to, const void *from, int32_t first, int32_t count) {
  hwk_unpack_as(to, from, first, count, 1);
}
HWK_NOINLINE void hwk_pack_lanes_4(void *to, int32_t first, const int8_t *from, int32_t count) {
  hwk_pack_as(to, first, from, count, 4);
}
HWK_NOINLINE void hwk_pack_lanes_2(void *to, int32_t first, const int8_t *from, int32_t count) {
  hwk_pack_as(to, first, from, count, 2);
}
HWK_NOINLINE void hwk_pack_lanes_1(void *to, int32_t first, const int8_t *from, int32_t count) {
  hwk_pack_as(to, first, from, count, 1);
}

/* `count` integers of `bits` bits (1, 2 or 4) from integer `first` on. */
HWK_INLINE void hwk_unpack(int8_t *to, const void *from, int32_t first, int32_t count,
                           int32_t bits) {
  if (bits == 4) {
    hwk_unpack_lanes_4(to, from, first, count);
  } else if (bits == 2) {
    hwk_unpack_lanes_2(to, from, first, count);
  } else {
    hwk_unpack_lanes_1(to, from, first, count);
  }
}

HWK_INLINE void hwk_pack(void *to, int32_t first, const int8_t *from, int32_t count,
                         int32_t bits) {
  if (bits == 4) {
    hwk_pack_lanes_4(to, first, from, count);
  } else if (bits == 2) {
    hwk_pack_lanes_2(to, first, from, count);
  } else {
    hwk_pack_lanes_1(to, first, from, count);
  }
}

/* `count` packed integers from `first` on, in bytes: in `buffer`, or where they lie when they are
 * not packed. */
HWK_INLINE const void *hwk_unpacked(const void *from, int32_t first, int32_t count, int32_t bits,
                                    int8_t *buffer) {
  if (bits >= 8) {
    return (const int8_t *)from + first * (bits / 8);
  }
  hwk_unpack(buffer, from, first, count, bits);
  return buffer;
}

/* Where a kernel writes integers from `first` on: into `buffer` when they are packed later. */
HWK_INLINE void *hwk_to_pack(void *output, int32_t first, int32_t bits, int8_t *buffer) {
  return bits >= 8 ? (void *)((int8_t *)output + first * (bits / 8)) : (void *)buffer;
}

/* Packs what hwk_to_pack had written, which may be beyond the range of the output. */
HWK_INLINE void hwk_packed(void *output, int32_t first, int32_t count, const hwk_packing_t *p,
                           int8_t *buffer) {
  if (p->output_bits < 8) {
    if (p->output_low > -128 || p->output_high < 127) {
      hwk_clamp_bytes(buffer, count, p->output_low, p->output_high);
    }
    hwk_pack(output, first, buffer, count, p->output_bits);
  }
}

#endif
