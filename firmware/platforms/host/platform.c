/* The host as a board: standard input and output are the serial link. For tests under
 * sanitizers; it has no cycle counter and does not paint its stack. */
#include <stdio.h>
#include <stdlib.h>

#include "hwk_platform.h"

/* No linker script puts it behind the arena here; the sanitizers watch that. */
volatile uint32_t hwk_arena_guard[HWK_GUARD_WORDS];

void hwk_platform_init(void) {}

uint8_t hwk_platform_uart_get(void) {
  const int byte = getchar();
  if (byte == EOF) {
    exit(0);
  }
  return (uint8_t)byte;
}

void hwk_platform_uart_put(uint8_t byte) {
  putchar(byte);
  /* A zero byte ends a frame: the host may be waiting for it. */
  if (byte == 0) {
    fflush(stdout);
  }
}

uint32_t hwk_platform_cycles(void) { return 0; }

uint32_t hwk_platform_clock_hz(void) { return 0; }

uint32_t hwk_platform_stack_used_bytes(void) { return 0; }

uint32_t hwk_platform_stack_size_bytes(void) { return 0; }

uint32_t hwk_platform_memory_test(uint32_t *tested_bytes, uint32_t *first_address) {
  *tested_bytes = 0;
  *first_address = 0;
  return 0;
}

hwk_identity_t hwk_platform_identity(void) { return (hwk_identity_t){HWK_KIND_HARDWARE, 0, {0}}; }
