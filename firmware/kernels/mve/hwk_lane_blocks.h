/* Integers of 4, 2 or 1 bits to bytes and back: 16 bytes of packed ones at once. */
#ifndef HWK_LANE_BLOCKS_H
#define HWK_LANE_BLOCKS_H

#include <arm_mve.h>

#include <hwk_kernel.h>

/* Sixteen bytes that hold integers k, k + 8 / bits, ... in their upper bits, extended by their sign;
 * `left` brings them there. */
HWK_INLINE int8x16_t hwk_signed_lanes(int8x16_t packed, int32_t left, int32_t bits) {
  int8x16_t upper = vshlq_r_s8(packed, left);
  return vshlq_r_s8(upper, bits - 8);
}

HWK_INLINE void hwk_unpack_s4_block(int8_t *to, int8x16_t packed) {
  int8x16x2_t lanes = {{hwk_signed_lanes(packed, 4, 4), hwk_signed_lanes(packed, 0, 4)}};
  vst2q_s8(to, lanes);
}

HWK_INLINE void hwk_unpack_s2_block(int8_t *to, int8x16_t packed) {
  int8x16x4_t lanes = {{hwk_signed_lanes(packed, 6, 2), hwk_signed_lanes(packed, 4, 2),
                        hwk_signed_lanes(packed, 2, 2), hwk_signed_lanes(packed, 0, 2)}};
  vst4q_s8(to, lanes);
}

/* As in ref: whole blocks of `count` packed integers; returns how many these are. */
HWK_INLINE int32_t hwk_unpack_blocks(int8_t *to, const uint8_t *from, int32_t count, int32_t bits) {
  int32_t of_block = 128 / bits, done = 0;
  if (bits == 1) {
    return 0;
  }
#pragma GCC unroll 1
  for (; done + of_block <= count; done += of_block, from += 16, to += of_block) {
    int8x16_t packed = vldrbq_s8((const int8_t *)from);
    if (bits == 4) {
      hwk_unpack_s4_block(to, packed);
    } else {
      hwk_unpack_s2_block(to, packed);
    }
  }
  return done;
}

HWK_INLINE uint8x16_t hwk_clamped_lanes(int8x16_t bytes, int32_t low, int32_t high) {
  int8x16_t above = vmaxq_s8(bytes, vdupq_n_s8((int8_t)low));
  return (uint8x16_t)vminq_s8(above, vdupq_n_s8((int8_t)high));
}

/* The inverse, of bytes clamped to low .. high. */
HWK_INLINE int32_t hwk_pack_blocks(uint8_t *to, const int8_t *from, int32_t count, int32_t bits,
                                   int32_t low, int32_t high) {
  int32_t of_block = 128 / bits, done = 0;
  if (bits == 1) {
    return 0;
  }
#pragma GCC unroll 1
  for (; done + of_block <= count; done += of_block, to += 16, from += of_block) {
    uint8x16_t packed;
    if (bits == 4) {
      int8x16x2_t lanes = vld2q_s8(from);
      packed = hwk_clamped_lanes(lanes.val[0], low, high);
      packed = vsliq_n_u8(packed, hwk_clamped_lanes(lanes.val[1], low, high), 4);
    } else {
      int8x16x4_t lanes = vld4q_s8(from);
      packed = hwk_clamped_lanes(lanes.val[0], low, high);
      packed = vsliq_n_u8(packed, hwk_clamped_lanes(lanes.val[1], low, high), 2);
      packed = vsliq_n_u8(packed, hwk_clamped_lanes(lanes.val[2], low, high), 4);
      packed = vsliq_n_u8(packed, hwk_clamped_lanes(lanes.val[3], low, high), 6);
    }
    vstrbq_u8(to, packed);
  }
  return done;
}

#endif
