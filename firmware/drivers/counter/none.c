/* A core without a cycle counter. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

void hwk_counter_start(void) {}

uint32_t hwk_platform_cycles(void) { return 0; }
