/* What a function in assembly saves when it needs every register. */
#ifndef HWK_SAVED_H
#define HWK_SAVED_H

/* The return address and s0 .. s11 at the bottom of a frame of `bytes` (a string, 52 or more): above
 * them, from 52(sp) on, is the function's own room. */
#define HWK_SAVE(bytes)       \
  "addi sp, sp, -" bytes "\n" \
  "sw ra, 0(sp)\n"            \
  "sw s0, 4(sp)\n"            \
  "sw s1, 8(sp)\n"            \
  "sw s2, 12(sp)\n"           \
  "sw s3, 16(sp)\n"           \
  "sw s4, 20(sp)\n"           \
  "sw s5, 24(sp)\n"           \
  "sw s6, 28(sp)\n"           \
  "sw s7, 32(sp)\n"           \
  "sw s8, 36(sp)\n"           \
  "sw s9, 40(sp)\n"           \
  "sw s10, 44(sp)\n"          \
  "sw s11, 48(sp)\n"

#define HWK_RESTORE(bytes)   \
  "lw ra, 0(sp)\n"           \
  "lw s0, 4(sp)\n"           \
  "lw s1, 8(sp)\n"           \
  "lw s2, 12(sp)\n"          \
  "lw s3, 16(sp)\n"          \
  "lw s4, 20(sp)\n"          \
  "lw s5, 24(sp)\n"          \
  "lw s6, 28(sp)\n"          \
  "lw s7, 32(sp)\n"          \
  "lw s8, 36(sp)\n"          \
  "lw s9, 40(sp)\n"          \
  "lw s10, 44(sp)\n"         \
  "lw s11, 48(sp)\n"         \
  "addi sp, sp, " bytes "\n"

#endif
