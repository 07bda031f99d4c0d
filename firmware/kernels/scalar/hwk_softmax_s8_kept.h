/* Softmax as ref/hwk_softmax_s8.h, each difference's exponential computed once: at most 256 of them,
 * which scratch memory holds. */
#ifndef HWK_SOFTMAX_S8_KEPT_H
#define HWK_SOFTMAX_S8_KEPT_H

#include <hwk_softmax_s8.h>

#define HWK_SOFTMAX_DIFFERENCES 256

HWK_INLINE size_t hwk_softmax_s8_kept_scratch_bytes(const hwk_softmax_t *d) {
  (void)d;
  return HWK_SOFTMAX_DIFFERENCES * sizeof(int32_t);
}

/* exp(-difference), computed where it is not kept yet; 0 is computed anew. */
HWK_INLINE int32_t hwk_softmax_kept(const hwk_softmax_t *d, int32_t *kept, int32_t difference) {
  if (kept[difference] == 0) {
    kept[difference] = hwk_softmax_exp(d, -difference);
  }
  return kept[difference];
}

/* a / 2^exponent, half up; a >= 0, exponent 1 .. 62. */
HWK_INLINE int32_t hwk_softmax_halves(int32_t a, int32_t exponent) {
  return exponent > 31 ? 0 : (int32_t)(((uint32_t)a + (1u << (exponent - 1))) >> exponent);
}

/* round(a * b / 2^31) for a, b >= 0, of which only the bits that a shift by 23 or more leaves are
 * wanted: what the product's lowest 31 bits round to. */
HWK_NOINLINE int32_t hwk_softmax_product(int32_t a, int32_t b) {
#if defined(__ARM_ARCH_6M__)
  uint32_t al = (uint32_t)a & 0xffffu, ah = (uint32_t)a >> 16;
  uint32_t bl = (uint32_t)b & 0xffffu, bh = (uint32_t)b >> 16;
  uint32_t lowest = al * bl, middle = ah * bl + (lowest >> 16);
  uint32_t rest = al * bh + (middle & 0xffffu);
  uint32_t high = ah * bh + (middle >> 16) + (rest >> 16);
  uint32_t low = rest << 16 | (lowest & 0xffffu), rounded = low + (1u << 30);
  return (int32_t)((high + (rounded < low)) << 1 | rounded >> 31);
#else
  return hwk_high_product(a, b);
#endif
}

HWK_INLINE void hwk_softmax_s8_kept(const hwk_softmax_t *d, const int8_t *input, int8_t *output,
                                    void *scratch) {
  int32_t *kept = scratch, most = -d->difference_min;
#pragma GCC unroll 1
  for (int32_t k = 0; k < HWK_SOFTMAX_DIFFERENCES; ++k) {
    kept[k] = 0;
  }
#pragma GCC unroll 1
  for (int32_t row = 0; row < d->rows; ++row, input += d->depth, output += d->depth) {
    int32_t maximum = INT8_MIN;
#pragma GCC unroll 1
    for (int32_t i = 0; i < d->depth; ++i) {
      maximum = hwk_max(maximum, input[i]);
    }
    int32_t total = 0; /* Q12.19 */
#pragma GCC unroll 1
    for (int32_t i = 0; i < d->depth; ++i) {
      int32_t difference = maximum - input[i];
      if (difference <= most) {
        int32_t share = hwk_softmax_halves(hwk_softmax_kept(d, kept, difference), 12);
        total = hwk_wrapping_add(total, share);
      }
    }
    int32_t headroom = hwk_leading_zeros((uint32_t)total);
    int32_t excess = (int32_t)(((uint32_t)total << headroom) - 0x80000000u);
    int32_t reciprocal = hwk_reciprocal_of_one_plus(excess);
#pragma GCC unroll 1
    for (int32_t i = 0; i < d->depth; ++i) {
      int32_t difference = maximum - input[i], value = INT8_MIN;
      if (difference <= most) {
        int32_t share = hwk_softmax_product(reciprocal, kept[difference]);
        value = hwk_softmax_halves(share, 12 - headroom + 31 - 8) - 128;
      }
      output[i] = (int8_t)hwk_min(value, INT8_MAX);
    }
  }
}

#endif
