/* The definition of a tile of pairs, for machines without its assembly, and what tiles share. */
#ifndef HWK_PAIRS_H
#define HWK_PAIRS_H

#include <hwk_stairs.h>

/* Of a block, taps `lower` .. `upper` - 1. */
HWK_INLINE void hwk_pairs_taps_of(const int8_t *block, const int32_t *columns, int32_t lower,
                                  int32_t upper, uint32_t *pair, uint32_t *high) {
  for (int32_t n = 0; n < 2; ++n) {
    uint32_t sum = 1u << 15;
    for (int32_t t = lower; t < upper; ++t) {
      sum += (uint32_t)block[t] * (uint32_t)columns[2 * t + n];
    }
    pair[n] += sum;
    high[n] += (uint32_t)((int32_t)sum >> 16);
  }
}

/* A group of `rows` channels at four pixels, `outputs` bytes from each other; the end of its stream.
 * `output` is the first channel's place at the first pixel. */
HWK_INLINE const int32_t *hwk_pairs_group(const int32_t *stream, const int32_t *columns,
                                          int8_t *output, int32_t outputs, int32_t rows) {
  uint32_t pair[2 * 4], high[2 * 4];
  output += *stream++;
  for (int32_t n = 0; n < 2 * rows; ++n) {
    pair[n] = (uint32_t)stream[n / 2];
    high[n] = (uint32_t)stream[rows + n / 2];
  }
  stream += 2 * rows;
  for (int last = 0; !last;) {
    int32_t length = *stream++;
    last = length & 1;
    int32_t blocks = (length + last) / 32 + !last;
    for (int32_t k = 0; k < blocks; ++k, columns += 8) {
      int careful = !last && k + 1 == blocks;
      for (int32_t n = 0; n < rows; ++n, ++stream) {
        const int8_t *block = (const int8_t *)stream;
        if (careful) {
          hwk_pairs_taps_of(block, columns, 0, 2, pair + 2 * n, high + 2 * n);
        }
        hwk_pairs_taps_of(block, columns, careful ? 2 : 0, 4, pair + 2 * n, high + 2 * n);
      }
    }
  }
  for (int32_t n = 0; n < rows; ++n, ++output, stream += (*stream & 1) != 0 ? 5 : 3) {
    for (int32_t p = 0; p < 2; ++p) {
      uint32_t above = high[2 * n + p], below = pair[2 * n + p] - (above << 16);
      output[2 * p * outputs] = hwk_staircase_lines((int32_t)below, stream);
      output[(2 * p + 1) * outputs] = hwk_staircase_lines((int32_t)above, stream);
    }
  }
  return stream;
}

#endif
