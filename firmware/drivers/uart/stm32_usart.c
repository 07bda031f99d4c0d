/* USART and LPUART of the STM32L4+ and STM32H7: ST RM0433 and RM0432, chapters on USART and
 * LPUART, register map. BRR is clock / baud for a USART, 256 * clock / baud for an LPUART, whose
 * platform passes 256 times its clock. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

typedef struct {
  volatile uint32_t control[3];
  volatile uint32_t baud_rate;
  volatile uint32_t guard_time;
  volatile uint32_t receiver_timeout;
  volatile uint32_t request;
  volatile uint32_t status;
  volatile uint32_t flag_clear;
  volatile uint32_t receive_data;
  volatile uint32_t transmit_data;
} usart_t;

#define USART ((usart_t *)HWK_UART_BASE)
#define CONTROL_ENABLE 1u
#define CONTROL_RECEIVER_ENABLE (1u << 2)
#define CONTROL_TRANSMITTER_ENABLE (1u << 3)
#define STATUS_OVERRUN (1u << 3)
#define STATUS_RECEIVED (1u << 5)
#define STATUS_TRANSMIT_EMPTY (1u << 7)

void hwk_uart_start(uint32_t clock_hz) {
  USART->baud_rate = (clock_hz + HWK_UART_BAUD / 2u) / HWK_UART_BAUD;
  USART->control[0] = CONTROL_ENABLE | CONTROL_RECEIVER_ENABLE | CONTROL_TRANSMITTER_ENABLE;
}

uint8_t hwk_platform_uart_get(void) {
  while ((USART->status & STATUS_RECEIVED) == 0) {
    USART->flag_clear = STATUS_OVERRUN; /* or the receiver stops: the frame's CRC tells the host */
  }
  return (uint8_t)USART->receive_data;
}

void hwk_platform_uart_put(uint8_t byte) {
  while ((USART->status & STATUS_TRANSMIT_EMPTY) == 0) {
  }
  USART->transmit_data = byte;
}
