/* The inner loop of a sum of two tensors by tables. */
#ifndef HWK_ADD_TABLES_H
#define HWK_ADD_TABLES_H

#include <hwk_kernels.h>

#define HWK_ADD_SHIFT 21

/* The sum of both tables' entries, shifted down and clamped. */
HWK_INLINE int8_t hwk_add_entries(int8_t a, int8_t b, const int32_t *first, const int32_t *second) {
  return (int8_t)hwk_clamp((first[(uint8_t)a] + second[(uint8_t)b]) >> HWK_ADD_SHIFT, -128, 127);
}

/* Of `count` elements, at least one, as hwk_add_entries; output may be one of the inputs. */

#if defined(__ARM_ARCH_6M__)

/* An element in 15 instructions, 3 more where it is clamped. */
__attribute__((naked)) HWK_NOINLINE void
hwk_add_tables(__attribute__((unused)) const int8_t *a, __attribute__((unused)) const int8_t *b,
               __attribute__((unused)) int8_t *output, __attribute__((unused)) const int32_t *first,
               __attribute__((unused)) const int32_t *second,
               __attribute__((unused)) int32_t count) {
  __asm__(
      ".syntax unified\n"
      "push {r4, r5, r6, r7, lr}\n"
      "ldr r7, [sp, #20]\n" /* second */
      "ldr r6, [sp, #24]\n" /* count */
      "mov lr, r6\n"
      "mov r12, r3\n" /* first */
      "movs r3, #0\n"
      "1:\n"
      "ldrb r4, [r0, r3]\n"
      "lsls r4, r4, #2\n"
      "add r4, r12\n"
      "ldr r4, [r4]\n"
      "ldrb r5, [r1, r3]\n"
      "lsls r5, r5, #2\n"
      "ldr r5, [r7, r5]\n"
      "adds r4, r4, r5\n"
      "asrs r4, r4, #21\n"
      "sxtb r5, r4\n"
      "cmp r5, r4\n"
      "bne 3f\n"
      "2:\n"
      "strb r5, [r2, r3]\n"
      "adds r3, #1\n"
      "cmp r3, lr\n"
      "bne 1b\n"
      "pop {r4, r5, r6, r7, pc}\n"
      "3:\n"
      "asrs r4, r4, #31\n"
      "movs r5, #127\n"
      "eors r5, r4\n"
      "b 2b\n");
}

#else

HWK_NOINLINE void hwk_add_tables(const int8_t *a, const int8_t *b, int8_t *output,
                                 const int32_t *first, const int32_t *second, int32_t count) {
#pragma GCC unroll 1
  for (; count >= 4; count -= 4, a += 4, b += 4, output += 4) {
    for (int32_t k = 0; k < 4; ++k) {
      output[k] = hwk_add_entries(a[k], b[k], first, second);
    }
  }
#pragma GCC unroll 1
  for (; count > 0; --count) {
    *output++ = hwk_add_entries(*a++, *b++, first, second);
  }
}

#endif

#endif
