/* An output row of depthwise convolution 3x3 at stride 1, all channels one after the other. */
#ifndef HWK_ROWS_3X3_H
#define HWK_ROWS_3X3_H

#include <hwk_stairs.h>
#include <hwk_saved.h>

#define HWK_ROWS_WORDS 9 /* of a channel's stream */

/* Three rows of the input and one of the output, of `step` channels a pixel and `row_bytes` a row. A
 * row of padding is one pixel with a step of 0. The kernel may change all of it.
 *
 * stream  of each channel the nine weights by rows and three bytes more; what sums start with; the
 *         same and the padding on the left; last, multiplier, offset (hwk_stairs.h); the padding on
 *         the right */
typedef struct {
  const int32_t *stream;
  const int8_t *top;
  const int8_t *middle;
  const int8_t *bottom;
  int32_t top_step;
  int32_t bottom_step;
  int32_t step;
  int32_t row_bytes;
  int8_t *output;
  int32_t channels;
} hwk_rows_t;

#if defined(__riscv) && __riscv_xlen == 32

#define HWK_ROWS_LOAD    \
  "lb a5, 0(a1)\n"       \
  "lb a6, 0(a2)\n"       \
  "lb a7, 0(a3)\n"       \
  "add a1, a1, s6\n"     \
  "add a2, a2, s8\n"     \
  "add a3, a3, s7\n"

/* to = from + the products of the column and three weights. */
#define HWK_ROWS_COLUMN(to, from, w0, w1, w2) \
  "mul s5, a5, " w0 "\n"                      \
  "add " to ", " from ", s5\n"                \
  "mul s5, a6, " w1 "\n"                      \
  "add " to ", " to ", s5\n"                  \
  "mul s5, a7, " w2 "\n"                      \
  "add " to ", " to ", s5\n"

/* Rescales s2, writes it and goes on. */
#define HWK_ROWS_STORE     \
  "bgeu s9, s2, 7f\n"      \
  "srai s2, s2, 31\n"      \
  "not s2, s2\n"           \
  "and s2, s2, s9\n"       \
  "7:\n"                   \
  "slli s2, s2, 12\n"      \
  "mulhu s2, s2, s10\n"    \
  "add s2, s2, s11\n"      \
  "srai s2, s2, 16\n"      \
  "sb s2, 0(a4)\n"         \
  "add a4, a4, s8\n"

/* An output in 32 instructions: s2 is the sum of the output before the column, s3 of that above it,
 * s4 what sums start with; weights are in t0 .. t6, s0, s1. */
__attribute__((naked)) HWK_NOINLINE void hwk_rows_3x3(__attribute__((unused)) hwk_rows_t *rows) {
  __asm__(
      HWK_SAVE("64")
      "lw s6, 16(a0)\n" /* top_step */
      "lw s7, 20(a0)\n" /* bottom_step */
      "lw s8, 24(a0)\n" /* step */
      "1:\n"
      "lw a5, 0(a0)\n" /* stream */
      "lw a1, 4(a0)\n" /* top, middle, bottom */
      "lw a2, 8(a0)\n"
      "lw a3, 12(a0)\n"
      "lw ra, 28(a0)\n" /* row_bytes */
      "lw a4, 32(a0)\n" /* output */
      "lb t0, 0(a5)\n"
      "lb t1, 1(a5)\n"
      "lb t2, 2(a5)\n"
      "lb t3, 3(a5)\n"
      "lb t4, 4(a5)\n"
      "lb t5, 5(a5)\n"
      "lb t6, 6(a5)\n"
      "lb s0, 7(a5)\n"
      "lb s1, 8(a5)\n"
      "lw s4, 12(a5)\n"
      "lw s2, 16(a5)\n"
      "lw s9, 20(a5)\n"
      "lw s10, 24(a5)\n"
      "lw s11, 28(a5)\n"
      "addi a5, a5, 36\n"
      "sw a5, 0(a0)\n"
      "addi a5, a1, 1\n"
      "sw a5, 4(a0)\n"
      "addi a5, a2, 1\n"
      "sw a5, 8(a0)\n"
      "addi a5, a3, 1\n"
      "sw a5, 12(a0)\n"
      "addi a5, a4, 1\n"
      "sw a5, 32(a0)\n"
      "add ra, a2, ra\n"
      HWK_ROWS_LOAD
      HWK_ROWS_COLUMN("s2", "s2", "t1", "t4", "s0")
      HWK_ROWS_COLUMN("s3", "s4", "t0", "t3", "t6")
      "beq a2, ra, 3f\n"
      "2:\n"
      HWK_ROWS_LOAD
      HWK_ROWS_COLUMN("s2", "s2", "t2", "t5", "s1")
      HWK_ROWS_STORE
      HWK_ROWS_COLUMN("s2", "s3", "t1", "t4", "s0")
      HWK_ROWS_COLUMN("s3", "s4", "t0", "t3", "t6")
      "bne a2, ra, 2b\n"
      "3:\n"
      "lw a5, 0(a0)\n"
      "lw a5, -4(a5)\n"
      "add s2, s2, a5\n"
      HWK_ROWS_STORE
      "lw a5, 36(a0)\n" /* channels */
      "addi a5, a5, -1\n"
      "sw a5, 36(a0)\n"
      "bnez a5, 1b\n"
      HWK_RESTORE("64")
      "ret\n");
}

#else

/* The sum of an output at column x of a channel, `c` bytes into the rows. */
HWK_INLINE int32_t hwk_rows_sum(const hwk_rows_t *rows, const int8_t *weights, int32_t sum, int32_t x,
                                int32_t c) {
  for (int32_t k = 0; k < 3; ++k) {
    int32_t column = x + k - 1;
    if (column >= 0 && column * rows->step < rows->row_bytes) {
      sum = hwk_mla(sum, weights[k], rows->top[column * rows->top_step + c]);
      sum = hwk_mla(sum, weights[3 + k], rows->middle[column * rows->step + c]);
      sum = hwk_mla(sum, weights[6 + k], rows->bottom[column * rows->bottom_step + c]);
    }
  }
  return sum;
}

HWK_INLINE void hwk_rows_3x3(hwk_rows_t *rows) {
  const int32_t *stream = rows->stream;
  int32_t last = rows->row_bytes / rows->step - 1;
  for (int32_t c = 0; c < rows->channels; ++c, stream += HWK_ROWS_WORDS) {
    for (int32_t x = 0; x <= last; ++x) {
      int32_t start = x == 0 ? stream[4] : stream[3];
      int32_t sum = hwk_rows_sum(rows, (const int8_t *)stream, start, x, c);
      sum = hwk_wrapping_add(sum, x == last ? stream[8] : 0);
      rows->output[x * rows->step + c] = hwk_staircase(sum, stream + 5);
    }
  }
}

#endif

#endif
