/* Softmax in 32-bit fixed point, integer for integer as TensorFlow Lite for Microcontrollers
 * computes it. Qa.b has a integer and b fractional bits. */
#ifndef HWK_SOFTMAX_S8_H
#define HWK_SOFTMAX_S8_H

#include <hwk_kernels.h>

HWK_NO_SCRATCH(softmax_s8, softmax)

/* round(a * b / 2^31); a and b are never both -2^31. */
HWK_INLINE int32_t hwk_high_product(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* a / 2^exponent, half away from zero; exponent 1 .. 62. */
HWK_INLINE int32_t hwk_halves_away(int32_t a, int32_t exponent) {
  return (int32_t)(((int64_t)a + ((int64_t)1 << (exponent - 1)) - (a < 0)) >> exponent);
}

/* a * 2^exponent, saturated to 32 bits. */
HWK_INLINE int32_t hwk_saturating_shift(int32_t a, int32_t exponent) {
  int64_t shifted = (int64_t)a * ((int64_t)1 << exponent);
  return (int32_t)(shifted > INT32_MAX ? INT32_MAX : shifted < INT32_MIN ? INT32_MIN : shifted);
}

/* exp of a Q0.31 number in [-1/4, 0), as Q0.31: Taylor series around -1/8. */
HWK_INLINE int32_t hwk_exp_near_zero(int32_t a) {
  const int32_t at_one_eighth = 1895147668, one_third = 715827883;
  int32_t x = a + (1 << 28);
  int32_t x2 = hwk_high_product(x, x);
  int32_t x3 = hwk_high_product(x2, x);
  int32_t x4 = hwk_high_product(x2, x2);
  int32_t cubic = hwk_high_product(hwk_halves_away(x4, 2) + x3, one_third);
  int32_t tail = hwk_halves_away(cubic + x2, 1);
  return at_one_eighth + hwk_high_product(x + tail, at_one_eighth);
}

/* exp of a Q5.26 number <= 0, as Q0.31: the fraction by polynomial, each higher bit by table. */
static inline int32_t hwk_exp_of_negative(int32_t a) {
  static const int32_t powers[7] = {/* exp(-2^k), k = -2 .. 4 */
                                    1672461947, 1302514674, 790015084, 290630308,
                                    39332535,   720401,     242};
  const int32_t quarter = 1 << 24;
  int32_t low = (a & (quarter - 1)) - quarter;
  int32_t remainder = hwk_wrapping_add(low, -a);
  int32_t result = hwk_exp_near_zero(hwk_saturating_shift(low, 5));
  for (int32_t k = 0; k < 7; ++k) {
    if ((remainder >> (24 + k)) & 1) {
      result = hwk_high_product(result, powers[k]);
    }
  }
  return a == 0 ? INT32_MAX : result;
}

/* 1 / (1 + a), both Q0.31, 0 <= a < 1: three Newton steps on the halved denominator. */
HWK_INLINE int32_t hwk_reciprocal_of_one_plus(int32_t a) {
  int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) >> 1);
  int32_t x = 1515870810 + hwk_high_product(half_denominator, -1010580540);
  for (int32_t step = 0; step < 3; ++step) {
    int32_t error = (1 << 29) - hwk_high_product(half_denominator, x);
    x += hwk_saturating_shift(hwk_high_product(x, error), 2);
  }
  return hwk_saturating_shift(x, 1);
}

/* Number of zero bits above the highest one; x > 0. */
HWK_INLINE int32_t hwk_leading_zeros(uint32_t x) {
  int32_t zeros = 0;
  while (!(x >> 31)) {
    x <<= 1;
    ++zeros;
  }
  return zeros;
}

/* exp of a difference to the row's maximum, Q0.31. */
HWK_INLINE int32_t hwk_softmax_exp(const hwk_softmax_t *d, int32_t difference) {
  int32_t shifted = hwk_wrapping_shift(difference, d->left_shift);
  return hwk_exp_of_negative(hwk_high_product(shifted, d->multiplier));
}

HWK_INLINE void hwk_softmax_s8(const hwk_softmax_t *d, const int8_t *input, int8_t *output,
                               void *scratch) {
  (void)scratch;
  for (int32_t row = 0; row < d->rows; ++row, input += d->depth, output += d->depth) {
    int32_t maximum = INT8_MIN;
    for (int32_t i = 0; i < d->depth; ++i) {
      maximum = hwk_max(maximum, input[i]);
    }
    int32_t total = 0; /* Q12.19 */
    for (int32_t i = 0; i < d->depth; ++i) {
      int32_t difference = input[i] - maximum;
      if (difference >= d->difference_min) {
        total = hwk_wrapping_add(total, hwk_halves_away(hwk_softmax_exp(d, difference), 12));
      }
    }
    int32_t headroom = hwk_leading_zeros((uint32_t)total);
    int32_t excess = (int32_t)(((uint32_t)total << headroom) - 0x80000000u);
    int32_t reciprocal = hwk_reciprocal_of_one_plus(excess);
    for (int32_t i = 0; i < d->depth; ++i) {
      int32_t difference = input[i] - maximum;
      int32_t value = INT8_MIN;
      if (difference >= d->difference_min) {
        int32_t share = hwk_high_product(reciprocal, hwk_softmax_exp(d, difference));
        value = hwk_halves_away(share, 12 - headroom + 31 - 8) - 128;
      }
      output[i] = (int8_t)hwk_clamp(value, INT8_MIN, INT8_MAX);
    }
  }
}

#endif
