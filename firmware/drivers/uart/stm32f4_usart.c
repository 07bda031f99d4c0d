/* USART of the STM32F4: ST RM0090, chapter 30 (registers 30.6). With 16 times oversampling BRR
 * holds clock / baud as it is, its low four bits being the fraction. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

typedef struct {
  volatile uint32_t status;
  volatile uint32_t data;
  volatile uint32_t baud_rate;
  volatile uint32_t control[3];
} usart_t;

#define USART ((usart_t *)HWK_UART_BASE)
#define STATUS_RECEIVED (1u << 5)
#define STATUS_TRANSMIT_EMPTY (1u << 7)
#define CONTROL_RECEIVER_ENABLE (1u << 2)
#define CONTROL_TRANSMITTER_ENABLE (1u << 3)
#define CONTROL_ENABLE (1u << 13)

void hwk_uart_start(uint32_t clock_hz) {
  USART->baud_rate = (clock_hz + HWK_UART_BAUD / 2u) / HWK_UART_BAUD;
  USART->control[0] = CONTROL_ENABLE | CONTROL_RECEIVER_ENABLE | CONTROL_TRANSMITTER_ENABLE;
}

uint8_t hwk_platform_uart_get(void) {
  while ((USART->status & STATUS_RECEIVED) == 0) {
  }
  return (uint8_t)USART->data; /* reading status, then data clears an overrun too */
}

void hwk_platform_uart_put(uint8_t byte) {
  while ((USART->status & STATUS_TRANSMIT_EMPTY) == 0) {
  }
  USART->data = byte;
}
