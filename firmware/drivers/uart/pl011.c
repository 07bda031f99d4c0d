/* PrimeCell UART: Arm "PL011 Technical Reference Manual" (DDI 0183), chapter 3; RP2040 Datasheet
 * 4.2, RP2350 Datasheet 12.1. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define UART(offset) HWK_REGISTER(HWK_UART_BASE + (offset))
#define DATA 0x00u
#define FLAGS 0x18u
#define BAUD_INTEGER 0x24u
#define BAUD_FRACTION 0x28u
#define LINE_CONTROL 0x2Cu
#define CONTROL 0x30u
#define FLAG_RECEIVE_EMPTY (1u << 4)
#define FLAG_TRANSMIT_FULL (1u << 5)
#define LINE_FIFOS (1u << 4)
#define LINE_EIGHT_BITS (3u << 5)
#define CONTROL_ENABLE 1u
#define CONTROL_TRANSMIT (1u << 8)
#define CONTROL_RECEIVE (1u << 9)

/* The divider is clock / (16 * baud) in 64ths. */
void hwk_uart_start(uint32_t clock_hz) {
  const uint32_t divider = (clock_hz * 4u + HWK_UART_BAUD / 2u) / HWK_UART_BAUD;
  UART(BAUD_INTEGER) = divider >> 6;
  UART(BAUD_FRACTION) = divider & 63u;
  UART(LINE_CONTROL) = LINE_EIGHT_BITS | LINE_FIFOS;
  UART(CONTROL) = CONTROL_ENABLE | CONTROL_TRANSMIT | CONTROL_RECEIVE;
}

uint8_t hwk_platform_uart_get(void) {
  while ((UART(FLAGS) & FLAG_RECEIVE_EMPTY) != 0) {
  }
  return (uint8_t)UART(DATA);
}

void hwk_platform_uart_put(uint8_t byte) {
  while ((UART(FLAGS) & FLAG_TRANSMIT_FULL) != 0) {
  }
  UART(DATA) = byte;
}
