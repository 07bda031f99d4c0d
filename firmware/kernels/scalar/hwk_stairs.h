/* A rescale as a line rounded down (hwkit/targets/mcu/staircase.py). */
#ifndef HWK_STAIRS_H
#define HWK_STAIRS_H

#include <hwk_kernels.h>

/* ((x * multiplier + (offset << 20)) >> 36, x clamped to 0 .. last < 2^20, for `factors` last,
 * multiplier (as uint32_t) and offset: -128 .. 127. */
HWK_INLINE int8_t hwk_staircase(int32_t x, const int32_t *factors) {
  int64_t product = (int64_t)hwk_clamp(x, 0, factors[0]) * (uint32_t)factors[1];
  return (int8_t)(((product >> 20) + factors[2]) >> 16);
}

/* The same with a second line: `factors` are 2 * last + 1, multiplier, offset, zero, step, and x below
 * zero has step added to the offset; or 2 * last, multiplier, offset alone. */
HWK_INLINE int8_t hwk_staircase_lines(int32_t x, const int32_t *factors) {
  int32_t one[3] = {factors[0] >> 1, factors[1], factors[2]};
  if ((factors[0] & 1) != 0 && x < factors[3]) {
    one[2] += factors[4];
  }
  return hwk_staircase(x, one);
}

/* Bits 20.. of x * multiplier for x = x_64 / 64 < 2^20, x_64 a multiple of 64. */
HWK_INLINE int32_t hwk_line_64(uint32_t x_64, uint32_t multiplier) {
#if defined(__ARM_ARCH_6M__)
  /* No core of this kind has the upper word of a product. */
  uint32_t x = x_64 >> 6, upper = multiplier >> 12, lower = multiplier & 0xfffu;
  return (int32_t)(x * upper + (x * lower >> 12)) >> 8;
#else
  return (int32_t)((uint64_t)(x_64 << 6) * multiplier >> 32);
#endif
}

#endif
