/* The host as a board that counts and knows its memory, so that each number can be recognised. */
#include "hwk_platform.h"

#define hwk_platform_cycles host_cycles
#define hwk_platform_clock_hz host_clock_hz
#define hwk_platform_stack_used_bytes host_stack_used_bytes
#define hwk_platform_stack_size_bytes host_stack_size_bytes
#define hwk_platform_memory_test host_memory_test
#define hwk_platform_identity host_identity
#include "platform.c"
#undef hwk_platform_cycles
#undef hwk_platform_clock_hz
#undef hwk_platform_stack_used_bytes
#undef hwk_platform_stack_size_bytes
#undef hwk_platform_memory_test
#undef hwk_platform_identity

/* Each reading is a longer time after the one before. */
uint32_t hwk_platform_cycles(void) {
  static uint32_t now, step;
  step += 0x01010101u;
  now += step;
  return now;
}

uint32_t hwk_platform_clock_hz(void) { return 0x44332211u; }

hwk_identity_t hwk_platform_identity(void) {
  return (hwk_identity_t){HWK_KIND_EMULATOR, 0xC4C3C2C1u, {0xD4D3D2D1u, 0xE4E3E2E1u, 0xF4F3F2F1u}};
}

uint32_t hwk_platform_stack_used_bytes(void) { return 0x04030201u; }

uint32_t hwk_platform_stack_size_bytes(void) { return 0x08070605u; }

uint32_t hwk_platform_memory_test(uint32_t *tested_bytes, uint32_t *first_address) {
  *tested_bytes = 0x1a1b1c1du;
  *first_address = 0x2a2b2c2du;
  return 0x3a3b3c3du;
}
