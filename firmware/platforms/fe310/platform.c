/* FE310-G000 on SiFive HiFive1: its 16 MHz crystal, undivided and without the PLL; UART0 on GPIO
 * 17 (TX) and 16 (RX), which the board's USB chip listens to. SiFive "FE310-G000 Manual",
 * chapters on clock generation (PRCI) and GPIO. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define PRCI_CRYSTAL 0x10008004u
#define PRCI_PLL 0x10008008u
#define PLL_SELECT (1u << 16)
#define PLL_FROM_CRYSTAL (1u << 17)
#define PLL_BYPASS (1u << 18)
#define GPIO_FUNCTION_ENABLE 0x10012038u
#define GPIO_FUNCTION_SELECT 0x1001203Cu
#define UART0_PINS (3u << 16)
#define VENDOR_SIFIVE 0x489u

/* The ring oscillator after reset: 72 MHz by 5, within a third. */
#define RING_HZ 14400000u

static uint32_t clock_hz = RING_HZ;

void hwk_platform_init(void) {
  /* hfxosccfg: enable the crystal, wait until it is ready; pllcfg: take it through the bypassed
   * PLL. */
  HWK_REGISTER(PRCI_CRYSTAL) |= 1u << 30;
  if (hwk_wait(PRCI_CRYSTAL, 1u << 31, 1u << 31)) {
    HWK_REGISTER(PRCI_PLL) = PLL_FROM_CRYSTAL | PLL_BYPASS | PLL_SELECT;
    clock_hz = HWK_CLOCK_HZ;
  }
  /* iof_sel, iof_en: the pins' first hardware function. */
  HWK_REGISTER(GPIO_FUNCTION_SELECT) &= ~UART0_PINS;
  HWK_REGISTER(GPIO_FUNCTION_ENABLE) |= UART0_PINS;
  hwk_uart_start(clock_hz);
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return clock_hz; }

/* The vendor is SiFive (JEDEC's number 0x489 as "The RISC-V Instruction Set Manual", volume II, has
 * it in mvendorid); emulators name none. */
hwk_identity_t hwk_platform_identity(void) {
  hwk_identity_t identity = {HWK_KIND_EMULATOR, 0, {0}};
  uint32_t vendor;
  __asm__ volatile("csrr %0, mvendorid" : "=r"(vendor));
  if (vendor == VENDOR_SIFIVE) {
    identity.kind = HWK_KIND_HARDWARE;
    __asm__ volatile("csrr %0, mimpid" : "=r"(identity.chip));
  }
  return identity;
}
