/* UART of the nRF52840, the one without DMA: Nordic "nRF52840 Product Specification", section
 * UART (registers and the baud rates' codes). */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define UART(offset) HWK_REGISTER(HWK_UART_BASE + (offset))
#define TASK_START_RECEIVER 0x000u
#define TASK_START_TRANSMITTER 0x008u
#define EVENT_RECEIVED 0x108u
#define EVENT_TRANSMITTED 0x11Cu
#define ENABLE 0x500u
#define RECEIVE_DATA 0x518u
#define TRANSMIT_DATA 0x51Cu
#define BAUD_RATE 0x524u
#define ENABLED 4u
#define BAUD_115200 0x01D7E000u

_Static_assert(HWK_UART_BAUD == 115200u, "the UART's code for another baud rate is not here");

/* The UART runs from the 16 MHz peripheral clock, whatever the core's is. The first byte needs no
 * wait: only later ones look at the event. */
static uint8_t sending;

void hwk_uart_start(uint32_t clock_hz) {
  (void)clock_hz;
  UART(BAUD_RATE) = BAUD_115200;
  UART(ENABLE) = ENABLED;
  UART(EVENT_RECEIVED) = 0;
  UART(EVENT_TRANSMITTED) = 0;
  UART(TASK_START_RECEIVER) = 1;
  UART(TASK_START_TRANSMITTER) = 1;
}

/* The event is cleared before the byte is taken: the next one in the FIFO then sets it again. */
uint8_t hwk_platform_uart_get(void) {
  while (UART(EVENT_RECEIVED) == 0) {
  }
  UART(EVENT_RECEIVED) = 0;
  return (uint8_t)UART(RECEIVE_DATA);
}

void hwk_platform_uart_put(uint8_t byte) {
  while (sending && UART(EVENT_TRANSMITTED) == 0) {
  }
  UART(EVENT_TRANSMITTED) = 0;
  sending = 1;
  UART(TRANSMIT_DATA) = byte;
}
