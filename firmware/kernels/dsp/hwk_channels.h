/* Four channels of a pixel at a time. */
#ifndef HWK_CHANNELS_H
#define HWK_CHANNELS_H

#include <hwk_pairs.h>
#include <hwk_window.h>

/* Up to four channels of a pixel; `count` 4 or fewer, the others 0. */
HWK_INLINE uint32_t hwk_load_channels(const int8_t *pixel, int32_t count) {
  if (count >= 4) {
    return hwk_load4(pixel);
  }
  uint32_t word = 0;
  for (int32_t j = 0; j < count; ++j) {
    word |= (uint32_t)(uint8_t)pixel[j] << (8 * j);
  }
  return word;
}

#endif
