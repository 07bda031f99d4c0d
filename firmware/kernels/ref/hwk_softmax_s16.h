/* Softmax of 16-bit integers, integer for integer as TensorFlow Lite for Microcontrollers computes
 * it: exponentials and a reciprocal by tables with straight lines between their entries. */
#ifndef HWK_SOFTMAX_S16_H
#define HWK_SOFTMAX_S16_H

#include <hwk_rescale_exact.h>

HWK_NO_SCRATCH(softmax_s16, softmax16)

/* A table of 513 entries, 128 steps apart, at `at`, a 16-bit integer. */
HWK_INLINE int32_t hwk_between_entries(const int16_t *table, int32_t at) {
  int32_t index = 256 + (at >> 7), part = at & 127;
  int32_t slope = table[index + 1] - table[index];
  return table[index] + ((slope * part + 64) >> 7);
}

/* exp of a difference to the row's maximum, 32768 for 1. */
HWK_INLINE int32_t hwk_softmax16_exp(const hwk_softmax16_t *d, int32_t difference) {
  int64_t scaled = hwk_scale_double(difference, d->multiplier, d->shift) + INT16_MAX;
  int32_t at = (int32_t)(scaled < INT16_MIN ? INT16_MIN : scaled > INT16_MAX ? INT16_MAX : scaled);
  return hwk_between_entries(d->exponentials, at);
}

HWK_INLINE void hwk_softmax_s16(const hwk_softmax16_t *d, const int16_t *input, int16_t *output,
                                void *scratch) {
  (void)scratch;
  for (int32_t row = 0; row < d->rows; ++row, input += d->depth, output += d->depth) {
    int32_t maximum = INT16_MIN;
    for (int32_t i = 0; i < d->depth; ++i) {
      maximum = hwk_max(maximum, input[i]);
    }
    int32_t total = 0; /* at least 32767, of the maximum itself */
    for (int32_t i = 0; i < d->depth; ++i) {
      total = hwk_wrapping_add(total, hwk_softmax16_exp(d, input[i] - maximum));
    }
    int32_t right = 0; /* place of the highest bit */
    while (total >> right > 1) {
      ++right;
    }
    /* The reciprocals' table reads the sum without its highest bit, in 16 bits. */
    int32_t headroom = 31 - right;
    uint32_t mantissa = (((uint32_t)total << (headroom - 1)) + (1u << 13)) >> 14;
    int32_t at = hwk_min((int32_t)mantissa - (1 << 15) - (1 << 16), INT16_MAX);
    int32_t reciprocal = hwk_between_entries(d->reciprocals, at);
    for (int32_t i = 0; i < d->depth; ++i) {
      int32_t product = hwk_softmax16_exp(d, input[i] - maximum) * reciprocal;
      int32_t share = (product + (1 << (right - 1))) >> right;
      output[i] = (int16_t)hwk_clamp(share, 0, INT16_MAX);
    }
  }
}

#endif
