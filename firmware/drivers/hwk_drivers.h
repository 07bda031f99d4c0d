/* The parts that a board is put together from: one UART, one counter, its own clocks and pins.
 * A board file names them: drivers/uart/<uart.driver>.c, drivers/counter/<counter>.c,
 * platforms/<platform>/. */
#ifndef HWK_DRIVERS_H
#define HWK_DRIVERS_H

#include <stdint.h>

#include "hwk_platform.h"

#ifndef HWK_UART_BASE
#error "HWK_UART_BASE is the board's uart.base; the build passes it"
#endif
#ifndef HWK_UART_BAUD
#error "HWK_UART_BAUD is the board's uart.baud; the build passes it"
#endif
#ifndef HWK_CLOCK_HZ
#error "HWK_CLOCK_HZ is the board's clock_hz; the build passes it"
#endif

#define HWK_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* Starts the UART at HWK_UART_BAUD, 8 data bits, no parity, 1 stop bit; `clock_hz` feeds it. Its
 * pins and its bus clock are ready. */
void hwk_uart_start(uint32_t clock_hz);

/* Starts the cycle counter, which hwk_platform_cycles reads. */
void hwk_counter_start(void);

/* The chip around a Cortex-M of Armv7-M or later, by the ROM table in which it lists its debug
 * components: revision, designer and part, PIDR3 to PIDR0 (Arm "CoreSight Architecture
 * Specification", IHI 0029, B2.2; DDI 0403, B3.1.1). 0 in an emulator, where this memory reads as
 * zero. */
static inline uint32_t hwk_rom_table_chip(void) {
  uint32_t chip = 0;
  for (uintptr_t at = 0xE00FFFF0u; at != 0xE00FFFE0u; at -= 4u) {
    chip = chip << 8 | (HWK_REGISTER(at - 4u) & 0xFFu);
  }
  return chip;
}

/* A chip known by that table, with `words` of serial number at `serial`. */
static inline hwk_identity_t hwk_identity_by_rom_table(uintptr_t serial, uint32_t words) {
  hwk_identity_t identity = {HWK_KIND_EMULATOR, hwk_rom_table_chip(), {0}};
  if (identity.chip != 0) {
    identity.kind = HWK_KIND_HARDWARE;
    for (uint32_t i = 0; i < words; i++) {
      identity.serial[i] = HWK_REGISTER(serial + 4u * i);
    }
  }
  return identity;
}

/* Waits until the bits of `mask` at `address` read as `value`; 0 if they don't within about 2^20
 * looks. A crystal that does not start must not silence the board: it then stays on the clock
 * that it has, and says so. */
static inline int hwk_wait(uintptr_t address, uint32_t mask, uint32_t value) {
  for (uint32_t looks = 0; looks < 1u << 20; looks++) {
    if ((HWK_REGISTER(address) & mask) == value) {
      return 1;
    }
  }
  return 0;
}

#endif
