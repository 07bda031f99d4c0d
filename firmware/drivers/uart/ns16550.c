/* National Semiconductor NS16550A and its copies, byte-wide registers: its data sheet (1995),
 * section 8. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define UART(offset) (*(volatile uint8_t *)(HWK_UART_BASE + (offset)))
#define DATA 0u
#define DIVISOR_LOW 0u
#define DIVISOR_HIGH 1u
#define INTERRUPT_ENABLE 1u
#define FIFO_CONTROL 2u
#define LINE_CONTROL 3u
#define LINE_STATUS 5u
#define FIFO_ENABLE 1u
#define EIGHT_BITS 3u
#define DIVISOR_ACCESS 0x80u
#define DATA_READY 1u
#define TRANSMITTER_EMPTY 0x20u

void hwk_uart_start(uint32_t clock_hz) {
  const uint32_t divisor = clock_hz / (16u * HWK_UART_BAUD);
  UART(INTERRUPT_ENABLE) = 0;
  UART(LINE_CONTROL) = DIVISOR_ACCESS | EIGHT_BITS;
  UART(DIVISOR_LOW) = (uint8_t)divisor;
  UART(DIVISOR_HIGH) = (uint8_t)(divisor >> 8);
  UART(LINE_CONTROL) = EIGHT_BITS;
  UART(FIFO_CONTROL) = FIFO_ENABLE;
}

uint8_t hwk_platform_uart_get(void) {
  while ((UART(LINE_STATUS) & DATA_READY) == 0) {
  }
  return UART(DATA);
}

void hwk_platform_uart_put(uint8_t byte) {
  while ((UART(LINE_STATUS) & TRANSMITTER_EMPTY) == 0) {
  }
  UART(DATA) = byte;
}
