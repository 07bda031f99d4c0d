/* CMSDK APB timer 0 of an MPS2 image, which counts the core's clock downwards: "Cortex-M System
 * Design Kit Technical Reference Manual" (DDI 0479), section 4.1. For cores without DWT. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define TIMER_CONTROL HWK_REGISTER(0x40000000u)
#define TIMER_VALUE HWK_REGISTER(0x40000004u)
#define TIMER_RELOAD HWK_REGISTER(0x40000008u)
#define CONTROL_ENABLE 1u

void hwk_counter_start(void) {
  TIMER_RELOAD = UINT32_MAX;
  TIMER_VALUE = UINT32_MAX;
  TIMER_CONTROL = CONTROL_ENABLE;
}

uint32_t hwk_platform_cycles(void) { return UINT32_MAX - TIMER_VALUE; }
