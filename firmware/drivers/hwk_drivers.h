/* The parts that a board is put together from: one UART, one counter, its own clocks and pins.
 * A board file names them: drivers/uart/<uart.driver>.c, drivers/counter/<counter>.c,
 * platforms/<platform>/. */
#ifndef HWK_DRIVERS_H
#define HWK_DRIVERS_H

#include <stdint.h>

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
