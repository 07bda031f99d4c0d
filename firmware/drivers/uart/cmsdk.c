/* CMSDK APB UART: "Cortex-M System Design Kit Technical Reference Manual" (DDI 0479), section
 * 4.3. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

typedef struct {
  volatile uint32_t data;
  volatile uint32_t state;
  volatile uint32_t control;
  volatile uint32_t interrupt;
  volatile uint32_t baud_divider;
} cmsdk_uart_t;

#define UART ((cmsdk_uart_t *)HWK_UART_BASE)
#define STATE_TX_FULL 1u
#define STATE_RX_FULL 2u
#define CONTROL_TX_ENABLE 1u
#define CONTROL_RX_ENABLE 2u
/* Table 4-12. */
#define SMALLEST_DIVIDER 16u

void hwk_uart_start(uint32_t clock_hz) {
  const uint32_t divider = clock_hz / HWK_UART_BAUD;
  UART->baud_divider = divider < SMALLEST_DIVIDER ? SMALLEST_DIVIDER : divider;
  UART->control = CONTROL_TX_ENABLE | CONTROL_RX_ENABLE;
}

uint8_t hwk_platform_uart_get(void) {
  while ((UART->state & STATE_RX_FULL) == 0) {
  }
  return (uint8_t)UART->data;
}

void hwk_platform_uart_put(uint8_t byte) {
  while ((UART->state & STATE_TX_FULL) != 0) {
  }
  UART->data = byte;
}
