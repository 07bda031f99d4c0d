/* UART of the FE310: SiFive "FE310-G000 Manual", chapter on the UART. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define UART(offset) HWK_REGISTER(HWK_UART_BASE + (offset))
#define TRANSMIT_DATA 0x00u
#define RECEIVE_DATA 0x04u
#define TRANSMIT_CONTROL 0x08u
#define RECEIVE_CONTROL 0x0Cu
#define DIVISOR 0x18u
#define FULL_OR_EMPTY (1u << 31)
#define ENABLE 1u

/* baud = clock / (divisor + 1). */
void hwk_uart_start(uint32_t clock_hz) {
  UART(DIVISOR) = (clock_hz + HWK_UART_BAUD / 2u) / HWK_UART_BAUD - 1u;
  UART(TRANSMIT_CONTROL) = ENABLE;
  UART(RECEIVE_CONTROL) = ENABLE;
}

/* Reading takes the byte: flag and data come in one access. */
uint8_t hwk_platform_uart_get(void) {
  uint32_t data = FULL_OR_EMPTY;
  while ((data & FULL_OR_EMPTY) != 0) {
    data = UART(RECEIVE_DATA);
  }
  return (uint8_t)data;
}

void hwk_platform_uart_put(uint8_t byte) {
  while ((UART(TRANSMIT_DATA) & FULL_OR_EMPTY) != 0) {
  }
  UART(TRANSMIT_DATA) = byte;
}
