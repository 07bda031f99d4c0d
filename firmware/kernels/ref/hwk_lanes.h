/* Integers of 4, 2 or 1 bits to bytes and back (hwk_packing.h): four at a time. */
#ifndef HWK_LANES_H
#define HWK_LANES_H

#include <hwk_kernels.h>
#include <hwk_lane_blocks.h>
#include <hwk_packing.h>

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

/* The first integer from `index` on, at most `end`, with which a word of memory starts. */
HWK_INLINE int32_t hwk_next_word(const uint8_t *packed, int32_t index, int32_t end, int32_t bits) {
  int32_t bit = ((int32_t)((uintptr_t)packed % 4) * 8 + index * bits) % 32;
  return hwk_min(index + (32 - bit) % 32 / bits, end);
}

/* Integers `first` .. `first + count - 1` to bytes. Those from a word of memory on in blocks. */
HWK_INLINE void hwk_unpack_as(int8_t *to, const uint8_t *packed, int32_t first, int32_t count,
                              int32_t bits) {
  int32_t end = first + count, index = first;
  int32_t words = hwk_next_word(packed, first, end, bits);
#pragma GCC unroll 1
  for (; index < words; ++index) {
    *to++ = (int8_t)hwk_lane(packed, index, bits);
  }
  int32_t done = hwk_unpack_blocks(to, packed + index * bits / 8, end - index, bits);
  index += done;
  to += done;
#pragma GCC unroll 1
  for (; index < end; ++index) {
    *to++ = (int8_t)hwk_lane(packed, index, bits);
  }
}

/* The inverse: bytes, clamped to low .. high, to the integers from `first` on; their neighbours
 * stay. */
HWK_INLINE void hwk_pack_as(uint8_t *packed, int32_t first, const int8_t *from, int32_t count,
                            int32_t bits, int32_t low, int32_t high) {
  int32_t end = first + count, index = first;
  int32_t words = hwk_next_word(packed, first, end, bits);
#pragma GCC unroll 1
  for (; index < words; ++index) {
    hwk_set_lane(packed, index, bits, hwk_clamp(*from++, low, high));
  }
  int32_t done = hwk_pack_blocks(packed + index * bits / 8, from, end - index, bits, low, high);
  index += done;
  from += done;
#pragma GCC unroll 1
  for (; index < end; ++index) {
    hwk_set_lane(packed, index, bits, hwk_clamp(*from++, low, high));
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
HWK_NOINLINE void hwk_pack_lanes_4(void *to, int32_t first, const int8_t *from, int32_t count,
                                   int32_t low, int32_t high) {
  hwk_pack_as(to, first, from, count, 4, low, high);
}
HWK_NOINLINE void hwk_pack_lanes_2(void *to, int32_t first, const int8_t *from, int32_t count,
                                   int32_t low, int32_t high) {
  hwk_pack_as(to, first, from, count, 2, low, high);
}
HWK_NOINLINE void hwk_pack_lanes_1(void *to, int32_t first, const int8_t *from, int32_t count,
                                   int32_t low, int32_t high) {
  hwk_pack_as(to, first, from, count, 1, low, high);
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

HWK_INLINE void hwk_pack(void *to, int32_t first, const int8_t *from, int32_t count, int32_t bits,
                         int32_t low, int32_t high) {
  if (bits == 4) {
    hwk_pack_lanes_4(to, first, from, count, low, high);
  } else if (bits == 2) {
    hwk_pack_lanes_2(to, first, from, count, low, high);
  } else {
    hwk_pack_lanes_1(to, first, from, count, low, high);
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
                           const int8_t *buffer) {
  if (p->output_bits < 8) {
    hwk_pack(output, first, buffer, count, p->output_bits, p->output_low, p->output_high);
  }
}

#endif
