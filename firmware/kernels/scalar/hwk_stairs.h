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

/* ((x * multiplier >> 20) + offset) >> 16 as hwk_staircase has it, of x in 0 .. last, without a product of
 * 64 bits where the core has none: its upper bits lie in one word, and of the result only its byte is
 * wanted. */
HWK_INLINE int8_t hwk_stairs_byte(uint32_t x, uint32_t multiplier, uint32_t offset) {
#if defined(__ARM_ARCH_6M__)
  uint32_t product = x * (multiplier >> 12) + (x * (multiplier & 0xfffu) >> 12);
  return (int8_t)(uint8_t)((product + (offset << 8)) >> 24);
#else
  uint32_t product = (uint32_t)(((uint64_t)(x << 12) * multiplier) >> 32);
  return (int8_t)(uint8_t)((product + offset) >> 16);
#endif
}

/* A sum clamped to 0 .. last. */
HWK_INLINE uint32_t hwk_stairs_clamp(int32_t sum, uint32_t last) {
  uint32_t x = (uint32_t)sum;
  if (x > last) {
    x = ~(uint32_t)(sum >> 31) & last;
  }
  return x;
}

/* hwk_staircase_lines for factors of five words. */
HWK_INLINE int8_t hwk_staircase_of_sum(int32_t sum, const int32_t *factors) {
  uint32_t x = hwk_stairs_clamp(sum, (uint32_t)factors[0] >> 1), offset = (uint32_t)factors[2];
  if (x < (uint32_t)factors[3]) {
    offset += (uint32_t)factors[4];
  }
  return hwk_stairs_byte(x, (uint32_t)factors[1], offset);
}

/* The factors of hwk_staircase_lines for x times 64: `last` and `zero` are too, and `zero` is 0 where
 * there is one line. */
typedef struct {
  uint32_t last;
  uint32_t multiplier;
  int32_t offset;
  uint32_t zero;
  int32_t step;
} hwk_stairs_64_t;

/* hwk_staircase_lines of x_64 / 64, x_64 a multiple of 64. */
HWK_INLINE int32_t hwk_staircase_64(uint32_t x_64, const hwk_stairs_64_t *s) {
#if defined(__riscv) && __riscv_xlen == 32
  /* The compiler would compute both lines. */
  int32_t y;
  __asm__(
      "bgeu %2, %1, 1f\n"
      "srai %1, %1, 31\n"
      "not %1, %1\n"
      "and %1, %1, %2\n"
      "1:\n"
      "slli %0, %1, 6\n"
      "mulhu %0, %0, %3\n"
      "add %0, %0, %4\n"
      "bgeu %1, %5, 2f\n"
      "add %0, %0, %6\n"
      "2:\n"
      "srai %0, %0, 16\n"
      : "=&r"(y), "+r"(x_64)
      : "r"(s->last), "r"(s->multiplier), "r"(s->offset), "r"(s->zero), "r"(s->step));
  return y;
#else
  if (x_64 > s->last) {
    x_64 = (int32_t)x_64 < 0 ? 0 : s->last;
  }
  /* The upper bits of the product, which no instruction gives. */
  uint32_t x = x_64 >> 6, upper = s->multiplier >> 12, lower = s->multiplier & 0xfffu;
  int32_t line = ((int32_t)(x * upper + (x * lower >> 12)) >> 8) + s->offset;
  return (x_64 < s->zero ? line + s->step : line) >> 16;
#endif
}

#endif
