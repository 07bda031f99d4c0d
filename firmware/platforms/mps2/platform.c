/* Arm MPS2 and MPS3 boards: the FPGA image comes up with its clocks running and its pins
 * connected (e.g. Arm "Application Note AN386, ARM Cortex-M4 SMM on V2M-MPS2", chapters 3 and 4;
 * AN383, AN500, AN505 and AN547 likewise). */
#include "hwk_drivers.h"
#include "hwk_platform.h"

void hwk_platform_init(void) {
  hwk_uart_start(HWK_CLOCK_HZ);
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return HWK_CLOCK_HZ; }

hwk_identity_t hwk_platform_identity(void) { return hwk_identity_by_rom_table(0, 0); }
