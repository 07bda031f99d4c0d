/* The 24-bit SysTick timer, which every Cortex-M may have, made 32 bits wide by its exception: for
 * Armv6-M cores, which have no DWT counter. "Armv6-M Architecture Reference Manual" (DDI 0419),
 * B3.3. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define SYSTICK_CONTROL HWK_REGISTER(0xE000E010u)
#define SYSTICK_RELOAD HWK_REGISTER(0xE000E014u)
#define SYSTICK_VALUE HWK_REGISTER(0xE000E018u)
#define CONTROL_ENABLE 1u
#define CONTROL_EXCEPTION (1u << 1)
#define CONTROL_CORE_CLOCK (1u << 2)
#define LONGEST 0xFFFFFFu

static volatile uint32_t wraps;

void SysTick_Handler(void);
void SysTick_Handler(void) { wraps++; }

void hwk_counter_start(void) {
  SYSTICK_RELOAD = LONGEST;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = CONTROL_CORE_CLOCK | CONTROL_EXCEPTION | CONTROL_ENABLE;
  __asm volatile("cpsie i" ::: "memory");
}

/* Read again when the timer wrapped between the two reads. */
uint32_t hwk_platform_cycles(void) {
  uint32_t before = 0;
  uint32_t value = 0;
  do {
    before = wraps;
    value = SYSTICK_VALUE;
  } while (before != wraps);
  return (before << 24) + (LONGEST - value);
}
