/* nRF52840 on Arduino Nano 33 BLE: 64 MHz, timed by the 32 MHz crystal; UART on the header's TX
 * (P1.03) and RX (P1.10). Nordic "nRF52840 Product Specification", sections CLOCK, GPIO, NVMC and
 * UART; pins: Arduino "Nano 33 BLE" schematic. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define CLOCK_TASK_START_CRYSTAL 0x40000000u
#define CLOCK_EVENT_CRYSTAL_STARTED 0x40000100u
#define NVMC_CACHE 0x4001E540u
#define PORT_1 0x50000300u
#define GPIO_OUTPUT_SET 0x508u
#define GPIO_DIRECTION_SET 0x518u
#define GPIO_PIN_CONFIG 0x700u
#define UART_PIN_TRANSMIT (HWK_UART_BASE + 0x50Cu)
#define UART_PIN_RECEIVE (HWK_UART_BASE + 0x514u)

/* On port 1. */
#define PIN_TRANSMIT 3u
#define PIN_RECEIVE 10u
#define PORT_1_SELECT (1u << 5)

void hwk_platform_init(void) {
  /* CLOCK: the core runs at 64 MHz either way; the crystal makes that exact. */
  HWK_REGISTER(CLOCK_EVENT_CRYSTAL_STARTED) = 0;
  HWK_REGISTER(CLOCK_TASK_START_CRYSTAL) = 1;
  hwk_wait(CLOCK_EVENT_CRYSTAL_STARTED, 1, 1);
  /* NVMC, ICACHECNF: the instruction cache. */
  HWK_REGISTER(NVMC_CACHE) = 1;
  /* UART, "Pin configuration": TX is an output at 1, RX an input with its buffer connected; both
   * are set up before the UART is enabled. */
  HWK_REGISTER(PORT_1 + GPIO_OUTPUT_SET) = 1u << PIN_TRANSMIT;
  HWK_REGISTER(PORT_1 + GPIO_DIRECTION_SET) = 1u << PIN_TRANSMIT;
  HWK_REGISTER(PORT_1 + GPIO_PIN_CONFIG + 4u * PIN_RECEIVE) = 0;
  HWK_REGISTER(UART_PIN_TRANSMIT) = PORT_1_SELECT | PIN_TRANSMIT;
  HWK_REGISTER(UART_PIN_RECEIVE) = PORT_1_SELECT | PIN_RECEIVE;
  hwk_uart_start(HWK_CLOCK_HZ);
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return HWK_CLOCK_HZ; }

/* FICR: DEVICEID, 64 bits. */
hwk_identity_t hwk_platform_identity(void) { return hwk_identity_by_rom_table(0x10000060u, 2); }
