/* What both inner loops of Winograd's F(4x4, 3x3) have in common: eight sums, of two integers by four. */
#ifndef HWK_WINOGRAD4_SUMS_H
#define HWK_WINOGRAD4_SUMS_H

#if defined(__riscv) && __riscv_xlen == 32

/* The integer at `at` times those in t0 and t1. */
#define HWK_WINOGRAD4_ONE(at, sum0, sum1) \
  "lh t2, " at "\n"                       \
  "mul t3, t2, t0\n"                      \
  "mul t4, t2, t1\n"                      \
  "add " sum0 ", " sum0 ", t3\n"          \
  "add " sum1 ", " sum1 ", t4\n"

/* Eight products in 22 instructions. */
#define HWK_WINOGRAD4_EIGHT(first, second, a, b, c, d) \
  "lh t0, " first "\n"                                 \
  "lh t1, " second "\n"                                \
  HWK_WINOGRAD4_ONE(a, "s0", "s4")                     \
  HWK_WINOGRAD4_ONE(b, "s1", "s5")                     \
  HWK_WINOGRAD4_ONE(c, "s2", "s6")                     \
  HWK_WINOGRAD4_ONE(d, "s3", "s7")

#define HWK_WINOGRAD4_SAVE  \
  "addi sp, sp, -32\n"      \
  "sw s0, 0(sp)\n"          \
  "sw s1, 4(sp)\n"          \
  "sw s2, 8(sp)\n"          \
  "sw s3, 12(sp)\n"         \
  "sw s4, 16(sp)\n"         \
  "sw s5, 20(sp)\n"         \
  "sw s6, 24(sp)\n"         \
  "sw s7, 28(sp)\n"

#define HWK_WINOGRAD4_ZERO  \
  "li s0, 0\n"              \
  "li s1, 0\n"              \
  "li s2, 0\n"              \
  "li s3, 0\n"              \
  "li s4, 0\n"              \
  "li s5, 0\n"              \
  "li s6, 0\n"              \
  "li s7, 0\n"

/* The second four lie 36 positions of four behind the first. */
#define HWK_WINOGRAD4_WRITE \
  "sw s0, 0(a2)\n"          \
  "sw s1, 4(a2)\n"          \
  "sw s2, 8(a2)\n"          \
  "sw s3, 12(a2)\n"         \
  "sw s4, 576(a2)\n"        \
  "sw s5, 580(a2)\n"        \
  "sw s6, 584(a2)\n"        \
  "sw s7, 588(a2)\n"        \
  "addi a2, a2, 16\n"

#define HWK_WINOGRAD4_RETURN \
  "lw s0, 0(sp)\n"           \
  "lw s1, 4(sp)\n"           \
  "lw s2, 8(sp)\n"           \
  "lw s3, 12(sp)\n"          \
  "lw s4, 16(sp)\n"          \
  "lw s5, 20(sp)\n"          \
  "lw s6, 24(sp)\n"          \
  "lw s7, 28(sp)\n"          \
  "addi sp, sp, 32\n"        \
  "ret\n"

#endif

#endif
