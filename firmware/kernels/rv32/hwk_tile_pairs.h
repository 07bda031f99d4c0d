/* The inner loop of convolution in pairs: three channels at four pixels. */
#ifndef HWK_TILE_PAIRS_H
#define HWK_TILE_PAIRS_H

#include <hwk_pairs.h>
#include <hwk_saved.h>

#define HWK_PAIRS_ROWS 3

/* Groups of channels at four pixels, `outputs` bytes from each other at `output`; `stream` as
 * hwk_conv2d_pairs.h has it, of `groups` groups. Returns its end. */

#if defined(__riscv) && __riscv_xlen == 32

/* Two pairs times the weight at `at`: a sum's first tap, and further ones. */
#define HWK_PAIRS_FIRST(at, x0, x1)   \
  "lb s8, " at "(a0)\n"               \
  "mul s9, s8, " x0 "\n"              \
  "mul s10, s8, " x1 "\n"
#define HWK_PAIRS_NEXT(at, x0, x1)    \
  "lb s8, " at "(a0)\n"               \
  "mul s11, s8, " x0 "\n"             \
  "mul s8, s8, " x1 "\n"              \
  "add s9, s9, s11\n"                 \
  "add s10, s10, s8\n"

/* Takes the sums apart; 2^15 is in t6. */
#define HWK_PAIRS_APART(pair0, pair1, upper0, upper1) \
  "add s9, s9, t6\n"                                  \
  "add s10, s10, t6\n"                                \
  "add " pair0 ", " pair0 ", s9\n"                    \
  "srai s9, s9, 16\n"                                 \
  "add " pair1 ", " pair1 ", s10\n"                   \
  "srai s10, s10, 16\n"                               \
  "add " upper0 ", " upper0 ", s9\n"                  \
  "add " upper1 ", " upper1 ", s10\n"

#define HWK_PAIRS_LOAD   \
  "lw a2, 0(a1)\n"       \
  "lw a3, 4(a1)\n"       \
  "lw a4, 8(a1)\n"       \
  "lw a5, 12(a1)\n"      \
  "lw a6, 16(a1)\n"      \
  "lw a7, 20(a1)\n"      \
  "lw s6, 24(a1)\n"      \
  "lw s7, 28(a1)\n"      \
  "addi a1, a1, 32\n"

#define HWK_PAIRS_CHANNEL(w0, w1, w2, w3, pair0, pair1, upper0, upper1) \
  HWK_PAIRS_FIRST(w0, "a2", "a3")                                       \
  HWK_PAIRS_NEXT(w1, "a4", "a5")                                        \
  HWK_PAIRS_NEXT(w2, "a6", "a7")                                        \
  HWK_PAIRS_NEXT(w3, "s6", "s7")                                        \
  HWK_PAIRS_APART(pair0, pair1, upper0, upper1)

#define HWK_PAIRS_CAREFUL(w0, w1, w2, w3, pair0, pair1, upper0, upper1) \
  HWK_PAIRS_FIRST(w0, "a2", "a3")                                       \
  HWK_PAIRS_NEXT(w1, "a4", "a5")                                        \
  HWK_PAIRS_APART(pair0, pair1, upper0, upper1)                         \
  HWK_PAIRS_FIRST(w2, "a6", "a7")                                       \
  HWK_PAIRS_NEXT(w3, "s6", "s7")                                        \
  HWK_PAIRS_APART(pair0, pair1, upper0, upper1)

#define HWK_PAIRS_BLOCK(CHANNEL)                                   \
  CHANNEL("0", "1", "2", "3", "t0", "t1", "s0", "s1")              \
  CHANNEL("4", "5", "6", "7", "t2", "t3", "s2", "s3")              \
  CHANNEL("8", "9", "10", "11", "t4", "t5", "s4", "s5")            \
  "addi a0, a0, 12\n"

/* Rescales `sum` by s6 last, s7 multiplier, s8 offset, s10 zero, s11 step, and writes it to `to`. */
#define HWK_PAIRS_STORE(sum, to)      \
  "bgeu s6, " sum ", 7f\n"            \
  "srai " sum ", " sum ", 31\n"       \
  "not " sum ", " sum "\n"            \
  "and " sum ", " sum ", s6\n"        \
  "7:\n"                              \
  "slli s9, " sum ", 12\n"            \
  "mulhu s9, s9, s7\n"                \
  "add s9, s9, s8\n"                  \
  "bgeu " sum ", s10, 7f\n"           \
  "add s9, s9, s11\n"                 \
  "7:\n"                              \
  "srai s9, s9, 16\n"                 \
  "sb s9, " to "\n"

#define HWK_PAIRS_STORE_ROW(place, pair0, pair1, upper0, upper1)      \
  "lw s6, 0(a0)\n"                                                    \
  "lw s7, 4(a0)\n"                                                    \
  "lw s8, 8(a0)\n"                                                    \
  "andi s9, s6, 1\n"                                                  \
  "srli s6, s6, 1\n"                                                  \
  "addi a0, a0, 12\n"                                                 \
  "li s10, 0\n"                                                       \
  "beqz s9, 7f\n"                                                     \
  "lw s10, 0(a0)\n"                                                   \
  "lw s11, 4(a0)\n"                                                   \
  "addi a0, a0, 8\n"                                                  \
  "7:\n"                                                              \
  "slli s9, " upper0 ", 16\n"                                         \
  "sub " pair0 ", " pair0 ", s9\n"                                    \
  HWK_PAIRS_STORE(pair0, place "(a2)")                                \
  HWK_PAIRS_STORE(upper0, place "(a3)")                               \
  "slli s9, " upper1 ", 16\n"                                         \
  "sub " pair1 ", " pair1 ", s9\n"                                    \
  HWK_PAIRS_STORE(pair1, place "(a4)")                                \
  HWK_PAIRS_STORE(upper1, place "(a5)")

#define HWK_PAIRS_START \
  HWK_SAVE("80") \
  "sw a1, 52(sp)\n" \
  "sw a2, 56(sp)\n" \
  "sw a3, 60(sp)\n" \
  "sw a4, 64(sp)\n" \
  "lui t6, 8\n"

#define HWK_PAIRS_END \
  HWK_RESTORE("80") \
  "ret\n"

/* Runs of blocks; behind label 5 the sums are there. */
#define HWK_PAIRS_RUNS(BLOCK, CHANNEL_FAST, CHANNEL_CAREFUL)  \
  "lw a1, 52(sp)\n"                                          \
  "2:\n"                                                     \
  "lw ra, 0(a0)\n"                                           \
  "addi a0, a0, 4\n"                                         \
  "add ra, ra, a1\n"                                         \
  "bgeu a1, ra, 4f\n"                                        \
  "3:\n"                                                     \
  HWK_PAIRS_LOAD BLOCK(CHANNEL_FAST)                         \
  "bltu a1, ra, 3b\n"                                        \
  "4:\n"                                                     \
  "bne a1, ra, 5f\n" /* the last run ends one byte early */  \
  HWK_PAIRS_LOAD BLOCK(CHANNEL_CAREFUL)                      \
  "j 2b\n"                                                   \
  "5:\n"

/* The places of four pixels' first channel, which is in s9. */
#define HWK_PAIRS_PLACES  \
  "lw a2, 56(sp)\n"       \
  "lw a5, 60(sp)\n"       \
  "add a2, a2, s9\n"      \
  "add a3, a2, a5\n"      \
  "add a4, a3, a5\n"      \
  "add a5, a4, a5\n"

/* 48 products in 90 instructions; a rescaled output in 9. */
__attribute__((naked)) HWK_NOINLINE const int32_t *hwk_tile_pairs(
    __attribute__((unused)) const int32_t *stream, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int8_t *output, __attribute__((unused)) int32_t outputs,
    __attribute__((unused)) int32_t groups) {
  __asm__(
      HWK_PAIRS_START
      "1:\n"
      "lw t0, 4(a0)\n"
      "lw t2, 8(a0)\n"
      "lw t4, 12(a0)\n"
      "lw s0, 16(a0)\n"
      "lw s2, 20(a0)\n"
      "lw s4, 24(a0)\n"
      "mv t1, t0\n"
      "mv t3, t2\n"
      "mv t5, t4\n"
      "mv s1, s0\n"
      "mv s3, s2\n"
      "mv s5, s4\n"
      "lw s9, 0(a0)\n"
      "sw s9, 68(sp)\n" /* first channel */
      "addi a0, a0, 28\n"
      HWK_PAIRS_RUNS(HWK_PAIRS_BLOCK, HWK_PAIRS_CHANNEL, HWK_PAIRS_CAREFUL)
      "lw s9, 68(sp)\n"
      HWK_PAIRS_PLACES
      HWK_PAIRS_STORE_ROW("0", "t0", "t1", "s0", "s1")
      HWK_PAIRS_STORE_ROW("1", "t2", "t3", "s2", "s3")
      HWK_PAIRS_STORE_ROW("2", "t4", "t5", "s4", "s5")
      "lw a2, 64(sp)\n"
      "addi a2, a2, -1\n"
      "sw a2, 64(sp)\n"
      "bnez a2, 1b\n"
      HWK_PAIRS_END);
}

/* A channel alone: 16 products in 37 instructions. */
#define HWK_PAIRS_BLOCK_ALONE(CHANNEL)                \
  CHANNEL("0", "1", "2", "3", "t0", "t1", "s0", "s1") \
  "addi a0, a0, 4\n"

/* The same for groups of one channel. */
__attribute__((naked)) HWK_NOINLINE const int32_t *hwk_tile_pairs_alone(
    __attribute__((unused)) const int32_t *stream, __attribute__((unused)) const int32_t *columns,
    __attribute__((unused)) int8_t *output, __attribute__((unused)) int32_t outputs,
    __attribute__((unused)) int32_t groups) {
  __asm__(
      HWK_PAIRS_START
      "1:\n"
      "lw t0, 4(a0)\n"
      "lw s0, 8(a0)\n"
      "lw t5, 0(a0)\n" /* channel */
      "mv t1, t0\n"
      "mv s1, s0\n"
      "addi a0, a0, 12\n"
      HWK_PAIRS_RUNS(HWK_PAIRS_BLOCK_ALONE, HWK_PAIRS_CHANNEL, HWK_PAIRS_CAREFUL)
      "mv s9, t5\n"
      HWK_PAIRS_PLACES
      HWK_PAIRS_STORE_ROW("0", "t0", "t1", "s0", "s1")
      "lw a2, 64(sp)\n"
      "addi a2, a2, -1\n"
      "sw a2, 64(sp)\n"
      "bnez a2, 1b\n"
      HWK_PAIRS_END);
}

#else

HWK_INLINE const int32_t *hwk_tile_pairs(const int32_t *stream, const int32_t *columns,
                                         int8_t *output, int32_t outputs, int32_t groups) {
  for (; groups > 0; --groups) {
    stream = hwk_pairs_group(stream, columns, output, outputs, HWK_PAIRS_ROWS);
  }
  return stream;
}

HWK_INLINE const int32_t *hwk_tile_pairs_alone(const int32_t *stream, const int32_t *columns,
                                               int8_t *output, int32_t outputs, int32_t groups) {
  for (; groups > 0; --groups) {
    stream = hwk_pairs_group(stream, columns, output, outputs, 1);
  }
  return stream;
}

#endif

/* All channels of four pixels. */
HWK_INLINE void hwk_pairs_channels(const int32_t *stream, const int32_t *columns, int8_t *output,
                                   int32_t outputs) {
  if (outputs >= HWK_PAIRS_ROWS) {
    stream = hwk_tile_pairs(stream, columns, output, outputs, outputs / HWK_PAIRS_ROWS);
  }
  if (outputs % HWK_PAIRS_ROWS != 0) {
    hwk_tile_pairs_alone(stream, columns, output, outputs, outputs % HWK_PAIRS_ROWS);
  }
}

#endif
