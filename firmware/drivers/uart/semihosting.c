/* A debugger's console as the serial link, for boards that only an emulator makes: a call stops
 * the core until its byte is there, where an emulated UART is asked again and again. Arm
 * "Semihosting for AArch32 and AArch64" (2023), SYS_WRITEC and SYS_READC; "RISC-V Semihosting"
 * (version 0.4), section 2.1. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define SYS_WRITEC 0x03u
#define SYS_READC 0x07u

#ifdef __riscv
#define FIRST_REGISTER "a0"
#define SECOND_REGISTER "a1"
/* The shifts change nothing and mark the call. The three are uncompressed and in one page, which
 * the alignment sees to. */
#define CALL                    \
  ".option push\n\t"            \
  ".option norvc\n\t"           \
  ".balign 16\n\t"              \
  "slli zero, zero, 0x1f\n\t"   \
  "ebreak\n\t"                  \
  "srai zero, zero, 7\n\t"      \
  ".option pop\n\t"
#define CLEAR_BELOW_STACK "sb zero, -1(sp)\n\t"
#define LOAD_BELOW_STACK "lbu a1, -1(sp)\n\t"
#else
#define FIRST_REGISTER "r0"
#define SECOND_REGISTER "r1"
#define CALL "bkpt 0xab\n\t"
#define CLEAR_BELOW_STACK "strb %1, [sp, #-1]\n\t"
#define LOAD_BELOW_STACK "ldrb %1, [sp, #-1]\n\t"
#endif

/* It has no rate. */
void hwk_uart_start(uint32_t clock_hz) { (void)clock_hz; }

/* QEMU 7 leaves the byte below the stack pointer and returns what lay there before; earlier ones
 * return it and store nothing, later ones do both. Over a zero the two give it by OR. Nothing else
 * may use the place: no interrupt is taken on these boards. */
uint8_t hwk_platform_uart_get(void) {
  register uint32_t result __asm(FIRST_REGISTER) = SYS_READC;
  register uint32_t stored __asm(SECOND_REGISTER) = 0;
  __asm volatile(CLEAR_BELOW_STACK CALL LOAD_BELOW_STACK : "+r"(result), "+r"(stored) : : "memory");
  return (uint8_t)(result | stored);
}

void hwk_platform_uart_put(uint8_t byte) {
  register uint32_t result __asm(FIRST_REGISTER) = SYS_WRITEC;
  register const uint8_t *from __asm(SECOND_REGISTER) = &byte;
  __asm volatile(CALL : "+r"(result) : "r"(from) : "memory");
}
