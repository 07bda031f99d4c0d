/* The definition of groups' sums, for machines without its assembly. */
#ifndef HWK_DENSE_BLOCKS_H
#define HWK_DENSE_BLOCKS_H

#include <hwk_dense_pairs.h>

/* The upper half, an integer. */
HWK_INLINE int32_t hwk_dense_upper(uint32_t x) { return (int32_t)x >> 16; }

/* Adds four taps of HWK_DENSE_ROWS rows, weights `words` and the column's three words, to the sums; the
 * taps of both halves apart if `careful`. */
HWK_INLINE void hwk_dense_taps(const int32_t *words, const int32_t *column, int careful,
                               int32_t *sums) {
  uint32_t first = (uint32_t)column[0], second = (uint32_t)column[1] + (first << 8);
  uint32_t start = (1u << 15) - 0x00800080u * first,
           rest = (uint32_t)column[2] + (1u << 15) - start;
  for (int32_t n = 0; n < HWK_DENSE_ROWS; ++n) {
    uint32_t word = (uint32_t)words[n], odd = word >> 8 & 0x00ff00ffu;
    if (careful) {
      sums[n] = hwk_wrapping_add(sums[n], hwk_dense_upper((word & 0x00ff00ffu) * first + start));
      sums[n] = hwk_wrapping_add(sums[n], hwk_dense_upper(odd * second + rest));
    } else {
      uint32_t all = word * first + odd * (uint32_t)column[1] + (uint32_t)column[2];
      sums[n] = hwk_wrapping_add(sums[n], hwk_dense_upper(all));
    }
  }
}

/* Adds the products of a group's rows and the column to the sums, modulo 2^32; the end of its runs. */
HWK_INLINE const int32_t *hwk_dense_runs(const int32_t *stream, const int32_t *column,
                                         int32_t *sums) {
  for (int last = 0; !last;) {
    int32_t length = *stream++;
    last = length & 1;
    int32_t blocks = (length + last) / 12 + !last;
    for (int32_t k = 0; k < blocks; ++k, column += 3, stream += HWK_DENSE_ROWS) {
      hwk_dense_taps(stream, column, !last && k + 1 == blocks, sums);
    }
  }
  return stream;
}

/* The same for packed 4-bit weights. */
HWK_INLINE const int32_t *hwk_dense_runs_s4(const int32_t *stream, const int32_t *column,
                                            int32_t *sums) {
  for (int32_t blocks = *stream++ / 20; blocks > 0; --blocks, column += 5) {
    for (int32_t n = 0; n < HWK_DENSE_ROWS; ++n) {
      uint32_t word = (uint32_t)*stream++, all = word * (uint32_t)column[0] + (uint32_t)column[4];
      for (int32_t k = 1; k < 4; ++k) {
        all += (word >> 4 * k & 0x000f000fu) * (uint32_t)column[k];
      }
      sums[n] = hwk_wrapping_add(sums[n], hwk_dense_upper(all));
    }
  }
  return stream;
}

#endif
