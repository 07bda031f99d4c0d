/* Square roots and quotients of 64-bit integers, bit by bit: a core without a long division needs no
 * library, and one row needs one of each. */
#ifndef HWK_ROOTS_H
#define HWK_ROOTS_H

#include <hwk_kernels.h>

/* floor(sqrt(x)). */
HWK_NOINLINE uint32_t hwk_root(uint64_t x) {
  uint64_t rest = x, root = 0;
  for (int32_t bit = 62; bit >= 0; bit -= 2) {
    uint64_t candidate = root + ((uint64_t)1 << bit);
    root >>= 1;
    if (rest >= candidate) {
      rest -= candidate;
      root += (uint64_t)1 << bit;
    }
  }
  return (uint32_t)root;
}

/* floor(a / b) where that is below 2^32; b >= 1. */
HWK_NOINLINE uint32_t hwk_quotient(uint64_t a, uint64_t b) {
  uint32_t quotient = 0;
  for (int32_t bit = 31; bit >= 0; --bit) {
    if (a >> bit >= b) {
      a -= b << bit;
      quotient |= (uint32_t)1 << bit;
    }
  }
  return quotient;
}

#endif
