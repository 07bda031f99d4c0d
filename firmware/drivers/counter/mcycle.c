/* mcycle: "The RISC-V Instruction Set Manual, Volume II" (20211203), 3.1.10. Its low word is the
 * counter modulo 2^32. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

void hwk_counter_start(void) {}

uint32_t hwk_platform_cycles(void) {
  uint32_t cycles;
  __asm volatile("csrr %0, mcycle" : "=r"(cycles));
  return cycles;
}
