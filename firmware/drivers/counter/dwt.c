/* The cycle counter of Armv7-M and Armv8-M: "Armv7-M Architecture Reference Manual" (DDI 0403),
 * C1.8 (DWT), C1.6.5 (DEMCR); the lock of a Cortex-M7's DWT: CoreSight (IHI 0029), B2.3.10. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define DWT_CONTROL HWK_REGISTER(0xE0001000u)
#define DWT_CYCLE_COUNT HWK_REGISTER(0xE0001004u)
#define DWT_LOCK_ACCESS HWK_REGISTER(0xE0001FB0u)
#define DEMCR HWK_REGISTER(0xE000EDFCu)
#define DEMCR_TRACE_ENABLE (1u << 24)
#define UNLOCK 0xC5ACCE55u
#define CYCLE_COUNT_ENABLE 1u

void hwk_counter_start(void) {
  DEMCR |= DEMCR_TRACE_ENABLE;
  DWT_LOCK_ACCESS = UNLOCK;
  DWT_CYCLE_COUNT = 0;
  DWT_CONTROL |= CYCLE_COUNT_ENABLE;
}

uint32_t hwk_platform_cycles(void) { return DWT_CYCLE_COUNT; }
