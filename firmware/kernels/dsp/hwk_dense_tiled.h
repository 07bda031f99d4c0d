/* The matrix product's loops that the weight widths share: each weight is used once, so four rows
 * share the loads of one column. */
#ifndef HWK_DENSE_TILED_H
#define HWK_DENSE_TILED_H

#include <hwk_pairs.h>
#include <hwk_store.h>

/* Adds the products of four rows and one column to the sums.
 *
 * rows    four rows of weights, a word of each in turn
 * column  for each four taps the even and the odd pair, up to `end`
 * sums    one for each row
 *
 * Returns the end of the four rows: where the next four start. */
typedef const int8_t *hwk_column_tile_t(const int8_t *rows, const int32_t *column,
                                        const int32_t *end, int32_t *sums);

#if defined(__ARM_FEATURE_SIMD32) && defined(__thumb2__)

/* A word of one row: four products in four instructions. */
#define HWK_COLUMN_ROW_S8(word, sum)          \
  "sxtb16 lr, " word "\n"                     \
  "sxtb16 " word ", " word ", ror #8\n"       \
  "smlad " sum ", lr, r12, " sum "\n"         \
  "smlad " sum ", " word ", r3, " sum "\n"

/* Four taps: 16 products in 18 instructions. */
#define HWK_COLUMN_STEP_S8                                          \
  "ldmia.w r0!, {r8, r9, r10, r11}\n"                               \
  "ldrd r12, r3, [r1], #8\n"                                        \
  HWK_COLUMN_ROW_S8("r8", "r4") HWK_COLUMN_ROW_S8("r9", "r5")       \
  HWK_COLUMN_ROW_S8("r10", "r6") HWK_COLUMN_ROW_S8("r11", "r7")

/* Rows of int8 weights, at least four taps. Unrolled four times, and entered where the rest of
 * the taps by 16 says. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_column_tile_s8(
    __attribute__((unused)) const int8_t *rows, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) const int32_t *end, __attribute__((unused)) int32_t *sums) {
  __asm__(
      ".syntax unified\n"
      "push.w {r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "ldmia.w r3, {r4, r5, r6, r7}\n"
      "sub r3, r2, r1\n"
      "ubfx r3, r3, #3, #2\n"
      "tbb [pc, r3]\n"
      "0:\n"
      ".byte (4f - 0b) / 2, (1f - 0b) / 2, (2f - 0b) / 2, (3f - 0b) / 2\n"
      "4:\n" HWK_COLUMN_STEP_S8
      "3:\n" HWK_COLUMN_STEP_S8
      "2:\n" HWK_COLUMN_STEP_S8
      "1:\n" HWK_COLUMN_STEP_S8
      "cmp r1, r2\n"
      "bne.w 4b\n"
      "pop.w {r3}\n"
      "stmia.w r3, {r4, r5, r6, r7}\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

/* Four of eight packed weights of one row, each times 16: four products in four instructions. */
#define HWK_COLUMN_HALF_S4(sum)        \
  "sxtb16 r3, lr\n"                    \
  "sxtb16 lr, lr, ror #8\n"            \
  "smlad " sum ", r3, r12, " sum "\n"  \
  "smlad " sum ", lr, r2, " sum "\n"

#define HWK_COLUMN_LOW_S4(word, sum)   \
  "lsl lr, " word ", #4\n"             \
  "and lr, lr, #0xf0f0f0f0\n" HWK_COLUMN_HALF_S4(sum)

#define HWK_COLUMN_HIGH_S4(word, sum)  \
  "and lr, " word ", #0xf0f0f0f0\n" HWK_COLUMN_HALF_S4(sum)

/* Rows of packed 4-bit weights, a multiple of eight taps: 32 products in 50 instructions. The
 * weights come out times 16: exact below 2^17 taps. */
__attribute__((naked)) HWK_NOINLINE const int8_t *hwk_column_tile_s4(
    __attribute__((unused)) const int8_t *rows, __attribute__((unused)) const int32_t *column,
    __attribute__((unused)) const int32_t *end, __attribute__((unused)) int32_t *sums) {
  __asm__(
      ".syntax unified\n"
      "push.w {r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}\n"
      "movs r4, #0\n"
      "movs r5, #0\n"
      "movs r6, #0\n"
      "movs r7, #0\n"
      "1:\n"
      "ldmia.w r0!, {r8, r9, r10, r11}\n"
      "ldrd r12, r2, [r1], #8\n"
      HWK_COLUMN_LOW_S4("r8", "r4") HWK_COLUMN_LOW_S4("r9", "r5")
      HWK_COLUMN_LOW_S4("r10", "r6") HWK_COLUMN_LOW_S4("r11", "r7")
      "ldrd r12, r2, [r1], #8\n"
      HWK_COLUMN_HIGH_S4("r8", "r4") HWK_COLUMN_HIGH_S4("r9", "r5")
      HWK_COLUMN_HIGH_S4("r10", "r6") HWK_COLUMN_HIGH_S4("r11", "r7")
      "ldr r2, [sp]\n"
      "cmp r1, r2\n"
      "bne.w 1b\n"
      "pop.w {r2, r3}\n"
      "ldmia.w r3, {r8, r9, r10, r11}\n"
      "add r8, r8, r4, asr #4\n"
      "add r9, r9, r5, asr #4\n"
      "add r10, r10, r6, asr #4\n"
      "add r11, r11, r7, asr #4\n"
      "stmia.w r3, {r8, r9, r10, r11}\n"
      "pop.w {r4, r5, r6, r7, r8, r9, r10, r11, pc}\n");
}

#else

/* Rows of int8 weights, at least four taps. */
HWK_INLINE const int8_t *hwk_column_tile_s8(const int8_t *rows, const int32_t *column,
                                            const int32_t *end, int32_t *sums) {
  for (; column < end; column += 2) {
    for (int32_t n = 0; n < 4; ++n, rows += 4) {
      uint32_t word = hwk_load4_aligned(rows);
      sums[n] = hwk_mla_pair(sums[n], hwk_even_pair(word), column[0]);
      sums[n] = hwk_mla_pair(sums[n], hwk_odd_pair(word), column[1]);
    }
  }
  return rows;
}

/* Rows of packed 4-bit weights, which come out times 16; exact below 2^17 taps. */
HWK_INLINE const int8_t *hwk_column_tile_s4(const int8_t *rows, const int32_t *column,
                                            const int32_t *end, int32_t *sums) {
  int32_t sum[4] = {0, 0, 0, 0};
  for (; column < end; column += 4) {
    int32_t even = column[0], odd = column[1], even4 = column[2], odd4 = column[3];
    for (int32_t n = 0; n < 4; ++n, rows += 4) {
      uint32_t low, high;
      hwk_unpack_s4(hwk_load4_aligned(rows), &low, &high);
      sum[n] = hwk_mla_pair(sum[n], hwk_even_pair(low), even);
      sum[n] = hwk_mla_pair(sum[n], hwk_odd_pair(low), odd);
      sum[n] = hwk_mla_pair(sum[n], hwk_even_pair(high), even4);
      sum[n] = hwk_mla_pair(sum[n], hwk_odd_pair(high), odd4);
    }
  }
  for (int32_t n = 0; n < 4; ++n) {
    sums[n] = hwk_wrapping_add(sums[n], sum[n] >> 4);
  }
  return rows;
}

#endif

/* Widens `count` integers, with zeros up to `padded` (a multiple of 4). */
HWK_INLINE void hwk_widen_column(int32_t *column, const int8_t *input, int32_t count,
                                 int32_t padded) {
  int32_t k = 0;
  for (; k + 4 <= count; k += 4) {
    uint32_t word = hwk_load4(input + k);
    *column++ = hwk_even_pair(word);
    *column++ = hwk_odd_pair(word);
  }
  for (; k < padded; k += 4) {
    int8_t rest[4] = {0, 0, 0, 0};
    hwk_copy(rest, input + k, (size_t)hwk_clamp(count - k, 0, 4));
    uint32_t word = hwk_load4(rest);
    *column++ = hwk_even_pair(word);
    *column++ = hwk_odd_pair(word);
  }
}

/* Rescales and writes `count` sums, the first of which is of feature `o`. */
HWK_INLINE void hwk_dense_store(const hwk_dense_t *d, void *output, int32_t index,
                                const int32_t *sums, int32_t count, int32_t o) {
  for (int32_t j = 0; j < count; ++j) {
    hwk_store(&d->rescale, output, index + j, sums[j], o + j);
  }
}

/* Makes pairs of row n of the input: hwk_widen_row, or what reads others. */
typedef void hwk_widen_row_t(const hwk_dense_t *d, const int8_t *input, int32_t n, int32_t *column,
                             int32_t padded);

HWK_INLINE void hwk_widen_row(const hwk_dense_t *d, const int8_t *input, int32_t n, int32_t *column,
                              int32_t padded) {
  hwk_widen_column(column, input + n * d->input_features, d->input_features, padded);
}

/* Weights lie in groups of four rows (hwk_weights.h), `padded` taps a row. */
HWK_INLINE void hwk_dense_tiled(const hwk_dense_t *d, const int8_t *input, void *output,
                                void *scratch, int32_t padded, hwk_widen_row_t *widen,
                                hwk_column_tile_t *tile) {
  int32_t outputs = d->output_features;
  int32_t *column = scratch;
  for (int32_t n = 0; n < d->rows; ++n) {
    widen(d, input, n, column, padded);
    const int8_t *rows = d->weights;
    int32_t index = n * outputs, o = 0;
    for (; o + 4 <= outputs; o += 4, index += 4) {
      int32_t sums[4];
      hwk_copy(sums, d->bias + o, sizeof sums);
      rows = tile(rows, column, column + padded / 2, sums);
      hwk_dense_store(d, output, index, sums, 4, o);
    }
    if (o < outputs) {
      int32_t sums[4] = {0, 0, 0, 0};
      hwk_copy(sums, d->bias + o, (size_t)(outputs - o) * sizeof *sums);
      tile(rows, column, column + padded / 2, sums);
      hwk_dense_store(d, output, index, sums, outputs - o, o);
    }
  }
}

#endif
