/* Four scalar products with one column of bytes: VMLADAVA, 16 products an instruction, in
 * tail-predicated low-overhead loops (Armv8-M Architecture Reference Manual, DDI 0553, DLSTP). */
#ifndef HWK_DOT_QUAD_H
#define HWK_DOT_QUAD_H

#include <hwk_rescale_quad.h>

/* Four rows of weights and what their sums start with. */
typedef struct {
  const int8_t *row[HWK_QUAD];
  int32_t sum[HWK_QUAD];
} hwk_dot_quad_t;

/* Rows o .. o + count - 1 of a matrix; count <= 4, the last row stands in for missing ones. */
HWK_INLINE hwk_dot_quad_t hwk_dot_quad(const void *weights, const int32_t *bias, int32_t row_bytes,
                                       int32_t o, int32_t count) {
  hwk_dot_quad_t quad;
  for (int32_t j = 0; j < HWK_QUAD; ++j) {
    int32_t row = o + hwk_min(j, count - 1);
    quad.row[j] = (const int8_t *)weights + row * row_bytes;
    quad.sum[j] = bias[row];
  }
  return quad;
}

/* The four sums as lanes. */
HWK_INLINE int32x4_t hwk_sum_quad(const hwk_dot_quad_t *quad) {
  int32x4_t sums = {quad->sum[0], quad->sum[1], quad->sum[2], quad->sum[3]};
  return sums;
}

/* Adds the products of `taps` >= 1 weights of int8; reads `taps` bytes of the column. */
HWK_INLINE void hwk_dot_quad_s8(hwk_dot_quad_t *quad, const int8_t *column, int32_t taps) {
  const int8_t *row0 = quad->row[0], *row1 = quad->row[1];
  const int8_t *row2 = quad->row[2], *row3 = quad->row[3];
  __asm__ volatile(
      "dlstp.8 lr, %[taps]\n"
      "1: vldrb.u8 q0, [%[column]], #16\n"
      "vldrb.u8 q1, [%[row0]], #16\n"
      "vmladava.s8 %[sum0], q0, q1\n"
      "vldrb.u8 q2, [%[row1]], #16\n"
      "vmladava.s8 %[sum1], q0, q2\n"
      "vldrb.u8 q1, [%[row2]], #16\n"
      "vmladava.s8 %[sum2], q0, q1\n"
      "vldrb.u8 q2, [%[row3]], #16\n"
      "vmladava.s8 %[sum3], q0, q2\n"
      "letp lr, 1b\n"
      : [column] "+r"(column), [row0] "+r"(row0), [row1] "+r"(row1), [row2] "+r"(row2),
        [row3] "+r"(row3), [sum0] "+Te"(quad->sum[0]), [sum1] "+Te"(quad->sum[1]),
        [sum2] "+Te"(quad->sum[2]), [sum3] "+Te"(quad->sum[3])
      : [taps] "r"(taps)
      : "lr", "q0", "q1", "q2", "memory");
}

/* The same for packed 4-bit weights. A word of weights holds two words of the column, so the
 * even words of the column meet the low nibbles and the odd ones the high nibbles; both times 16,
 * which is exact while taps < 2^17. `column` is aligned to 4, and its readable bytes are a
 * multiple of 8. */
HWK_INLINE void hwk_dot_quad_s4(hwk_dot_quad_t *quad, const int8_t *column, int32_t taps) {
  const int8_t *row0 = quad->row[0], *row1 = quad->row[1];
  const int8_t *row2 = quad->row[2], *row3 = quad->row[3];
  int32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
  const uint32x4_t even = {0, 8, 16, 24}, odd = {4, 12, 20, 28};
  const uint8x16_t high = vdupq_n_u8(0xf0);
#define HWK_ROW(n)                         \
  "vldrb.u8 q2, [%[row" n "]], #16\n"      \
  "vshl.i8 q3, q2, #4\n"                   \
  "vand q2, q2, %q[high]\n"                \
  "vmladava.s8 %[sum" n "], q0, q3\n"      \
  "vmladava.s8 %[sum" n "], q1, q2\n"
  __asm__ volatile(
      "dlstp.8 lr, %[bytes]\n"
      "1: vldrw.u32 q0, [%[column], %q[even]]\n"
      "vldrw.u32 q1, [%[column], %q[odd]]\n"
      "add %[column], #32\n"
      HWK_ROW("0") HWK_ROW("1") HWK_ROW("2") HWK_ROW("3")
      "letp lr, 1b\n"
      : [column] "+r"(column), [row0] "+r"(row0), [row1] "+r"(row1), [row2] "+r"(row2),
        [row3] "+r"(row3), [sum0] "+Te"(sum0), [sum1] "+Te"(sum1), [sum2] "+Te"(sum2),
        [sum3] "+Te"(sum3)
      : [bytes] "r"(hwk_row_bytes_s4(taps)), [even] "w"(even), [odd] "w"(odd), [high] "w"(high)
      : "lr", "q0", "q1", "q2", "q3", "cc", "memory");
#undef HWK_ROW
  quad->sum[0] = hwk_wrapping_add(quad->sum[0], sum0 >> 4);
  quad->sum[1] = hwk_wrapping_add(quad->sum[1], sum1 >> 4);
  quad->sum[2] = hwk_wrapping_add(quad->sum[2], sum2 >> 4);
  quad->sum[3] = hwk_wrapping_add(quad->sum[3], sum3 >> 4);
}

#endif
