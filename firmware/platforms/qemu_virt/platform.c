/* QEMU's machine "virt": nothing to set up but the UART, whose clock is 3.6864 MHz (QEMU's
 * hw/riscv/virt.c puts it into the device tree). */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define UART_CLOCK_HZ 3686400u

void hwk_platform_init(void) {
  hwk_uart_start(UART_CLOCK_HZ);
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return HWK_CLOCK_HZ; }

/* No chip is laid out so. */
hwk_identity_t hwk_platform_identity(void) { return (hwk_identity_t){HWK_KIND_EMULATOR, 0, {0}}; }
