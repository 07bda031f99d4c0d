/* Rescaling with 32-bit registers: SMMUL and SMMULR where the descriptor proves them exact. */
#ifndef HWK_RESCALE_H
#define HWK_RESCALE_H

#include <hwk_acle.h>

#include <hwk_rescale_exact.h>

/* x, but the compiler knows neither value nor sign: then the products below become one SMMUL or
 * SMMULR, and with a known factor they would take five instructions. */
HWK_INLINE int32_t hwk_opaque(int32_t x) {
  __asm__("" : "+r"(x));
  return x;
}

/* Bits 32..63 of x * y. */
HWK_INLINE int32_t hwk_high_word(int32_t x, int32_t y) {
  return (int32_t)(((int64_t)hwk_opaque(x) * hwk_opaque(y)) >> 32);
}

/* The same, rounded half up. */
HWK_INLINE int32_t hwk_high_word_rounded(int32_t x, int32_t y) {
  return (int32_t)(((int64_t)hwk_opaque(x) * hwk_opaque(y) + 0x80000000LL) >> 32);
}

/* shift 33 .. 62. The low word can't change a sum of multiples of 2^32, only decide a tie. */
HWK_INLINE int32_t hwk_round_shift_high(int32_t x, int32_t multiplier, int32_t shift,
                                        hwk_rounding_t rounding) {
  int32_t high = hwk_high_word(x, multiplier);
  if (rounding == HWK_ROUND_FLOOR) {
    return high >> (shift - 32);
  }
  int32_t sum = high + (1 << (shift - 33));
  int32_t rounded = sum >> (shift - 32);
  if (rounding == HWK_ROUND_HALF_EVEN) {
    int32_t low = (int32_t)((uint32_t)x * (uint32_t)multiplier);
    int32_t rest = (int32_t)((uint32_t)sum << (64 - shift));
    return rounded - ((low | rest) == 0 ? rounded & 1 : 0);
  }
  return rounded;
}

/* shift 31 .. 62, |x| <= 2^30. `lowest_shift` is the least that `shift` can be. The second
 * rounding takes the sign of x for that of the product: they differ only where the product is
 * 0, and then the result is 0 with either. */
HWK_INLINE int32_t hwk_scale_double_high(int32_t x, int32_t multiplier, int32_t shift,
                                         int32_t lowest_shift) {
  int32_t right = shift - 31;
  int32_t high = hwk_high_word_rounded(2 * x, multiplier);
  if (lowest_shift > 31 || right > 0) {
    return (high + (x >> 31) + (1 << (right - 1))) >> right;
  }
  return high;
}

/* x in low .. high; all of int8_t takes one instruction. */
HWK_INLINE int32_t hwk_saturate(int32_t x, int32_t low, int32_t high) {
  return low == INT8_MIN && high == INT8_MAX ? __ssat(x, 8) : hwk_clamp(x, low, high);
}

/* x rescaled for `channel`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale(const hwk_rescale_t *r, int32_t x, int32_t channel) {
  int fits = r->zero_point > -(1 << 29) && r->zero_point < 1 << 29;
  int fast = r->rounding == HWK_ROUND_DOUBLE ? r->shift >= 31 && r->input_bits < 32
                                             : r->rounding != HWK_ROUND_NONE && r->shift >= 33;
  if (!fast || !fits) {
    return hwk_rescale_exact(r, x, channel);
  }
  int32_t multiplier = r->multipliers != NULL ? r->multipliers[channel] : r->multiplier;
  int32_t shift = r->shifts != NULL ? r->shifts[channel] : r->shift;
  x = hwk_wrapping_shift(x, r->left_shift);
  int32_t scaled = r->rounding == HWK_ROUND_DOUBLE
                       ? hwk_scale_double_high(x, multiplier, shift, r->shift)
                       : hwk_round_shift_high(x, multiplier, shift, r->rounding);
  return hwk_saturate(scaled + r->zero_point, r->low, r->high);
}

#endif
