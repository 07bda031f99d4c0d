/* The inner loop of functions of one byte. */
#ifndef HWK_MAP_BYTES_H
#define HWK_MAP_BYTES_H

#include <hwk_kernels.h>

/* to[k] = table[from[k]] of `count` bytes; `to` may be `from`. */
HWK_NOINLINE void hwk_map_bytes(const uint8_t *table, const uint8_t *from, uint8_t *to,
                                int32_t count) {
#pragma GCC unroll 1
  for (; count >= 4; count -= 4, from += 4, to += 4) {
    for (int32_t k = 0; k < 4; ++k) {
      to[k] = table[from[k]];
    }
  }
#pragma GCC unroll 1
  for (; count > 0; --count) {
    *to++ = table[*from++];
  }
}

#endif
