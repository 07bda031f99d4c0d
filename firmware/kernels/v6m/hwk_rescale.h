/* Rescaling without 64-bit products: the high word is put together from four products of halves,
 * where the descriptor proves that it decides. */
#ifndef HWK_RESCALE_H
#define HWK_RESCALE_H

#include <hwk_rescale_exact.h>

/* Bits 32..63 of x * multiplier + `low`; 0 <= multiplier < 2^31.
 *
 * With x = xh * 2^16 + xl and the multiplier alike: middle = xh * ml + (xl * ml + low % 2^16 >> 16)
 * lies in -2^31 .. 2^31 - 1, and rest = xl * mh + middle % 2^16 + (low >> 16) in 0 .. 2^32 - 1. */
HWK_INLINE int32_t hwk_high_word(int32_t x, int32_t multiplier, uint32_t low) {
  uint32_t xl = (uint32_t)x & 0xffffu, ml = (uint32_t)multiplier & 0xffffu;
  int32_t xh = x >> 16, mh = multiplier >> 16;
  int32_t middle = xh * (int32_t)ml + (int32_t)((xl * ml + (low & 0xffffu)) >> 16);
  uint32_t rest = xl * (uint32_t)mh + ((uint32_t)middle & 0xffffu) + (low >> 16);
  return hwk_wrapping_add(xh * mh + (middle >> 16), (int32_t)(rest >> 16));
}

/* sum + bits 32..63 of x * multiplier, rounded half up, modulo 2^32. */
HWK_INLINE int32_t hwk_add_high_rounded(int32_t sum, int32_t x, int32_t multiplier) {
  return hwk_wrapping_add(sum, hwk_high_word(x, multiplier, 0x80000000u));
}

/* x in low .. high. */
HWK_INLINE int32_t hwk_saturate(int32_t x, int32_t low, int32_t high) {
  return hwk_clamp(x, low, high);
}

/* What all sums of `channel` share. */
HWK_INLINE hwk_channel_t hwk_channel(const hwk_rescale_t *r, int32_t channel) {
  return hwk_channel_entries(r, channel);
}

/* Double rounding, shift 31 .. 62, |x| <= 2^30. The second rounding takes the sign of x for that
 * of the product: they differ only where the product is 0, and then the result is 0 with either. */
HWK_INLINE int32_t hwk_scale_double_high(int32_t x, const hwk_channel_t *scale) {
  int32_t right = scale->shift - 31;
  int32_t high = hwk_high_word(2 * x, scale->multiplier, 0x80000000u);
  return right == 0 ? high : (high + (x >> 31) + (1 << (right - 1))) >> right;
}

/* Half up or down, shift 33 .. 62: the low word can't change a sum of multiples of 2^32. */
HWK_INLINE int32_t hwk_round_shift_high(int32_t x, const hwk_channel_t *scale,
                                        hwk_rounding_t rounding) {
  int32_t high = hwk_high_word(x, scale->multiplier, 0);
  int32_t half = rounding == HWK_ROUND_FLOOR ? 0 : 1 << (scale->shift - 33);
  return (high + half) >> (scale->shift - 32);
}

/* Down, shift 33 .. 62, an offset added to the product. */
HWK_INLINE int32_t hwk_floor_high(int32_t x, const hwk_channel_t *scale) {
  int32_t high = hwk_high_word(x, scale->multiplier, (uint32_t)scale->offset);
  return hwk_wrapping_add(high, (int32_t)(scale->offset >> 32)) >> (scale->shift - 32);
}

/* x rescaled for the channel of `scale`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale_channel(const hwk_rescale_t *r, const hwk_channel_t *scale,
                                       int32_t x) {
  int fits = r->zero_point > -(1 << 29) && r->zero_point < 1 << 29;
  int32_t scaled;
  if (r->offsets != NULL && r->rounding == HWK_ROUND_FLOOR && fits && r->lowest_shift >= 33) {
    scaled = hwk_floor_high(hwk_wrapping_shift(x, r->left_shift), scale);
  } else if (r->offsets != NULL) {
    return hwk_rescale_exact(r, scale, x);
  } else if (r->rounding == HWK_ROUND_DOUBLE && fits && r->lowest_shift >= 31 &&
             r->input_bits < 32) {
    scaled = hwk_scale_double_high(hwk_wrapping_shift(x, r->left_shift), scale);
  } else if ((r->rounding == HWK_ROUND_HALF_UP || r->rounding == HWK_ROUND_FLOOR) && fits &&
             r->lowest_shift >= 33) {
    scaled = hwk_round_shift_high(hwk_wrapping_shift(x, r->left_shift), scale, r->rounding);
  } else {
    return hwk_rescale_exact(r, scale, x);
  }
  return hwk_clamp(scaled + r->zero_point, r->low, r->high);
}

/* x rescaled for `channel`; HWK_ROUND_NONE gives x. */
HWK_INLINE int32_t hwk_rescale(const hwk_rescale_t *r, int32_t x, int32_t channel) {
  hwk_channel_t scale = hwk_channel(r, channel);
  return hwk_rescale_channel(r, &scale, x);
}

#endif
