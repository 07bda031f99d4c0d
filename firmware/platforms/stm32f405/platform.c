/* STM32F405 on Netduino Plus 2: 168 MHz from the 25 MHz crystal, USART1 on PB6 and PB7 (the
 * header's SC and SD). ST RM0090 by chapter: FLASH 3, PWR 5, RCC 7, GPIO 8. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define RCC 0x40023800u
#define RCC_CR (RCC + 0x00u)
#define RCC_PLLCFGR (RCC + 0x04u)
#define RCC_CFGR (RCC + 0x08u)
#define RCC_AHB1ENR (RCC + 0x30u)
#define RCC_APB2ENR (RCC + 0x44u)
#define FLASH_ACR 0x40023C00u
#define GPIOB 0x40020400u
#define GPIO_MODER 0x00u
#define GPIO_AFRL 0x20u

#define HSI_HZ 16000000u
#define SWITCH_PLL 2u

static uint32_t clock_hz = HSI_HZ;
static uint32_t peripheral_hz = HSI_HZ;

/* HSE / 25 * 336 / 2 = 168 MHz; the regulator is in scale 1 after reset (PWR 5.4.1). */
static void start_pll(void) {
  /* RCC_CR 7.3.1: the crystal. */
  HWK_REGISTER(RCC_CR) |= 1u << 16;
  if (!hwk_wait(RCC_CR, 1u << 17, 1u << 17)) {
    return;
  }
  /* RCC_PLLCFGR 7.3.2: source HSE, M 25, N 336, P 2, Q 7. */
  HWK_REGISTER(RCC_PLLCFGR) = 25u | 336u << 6 | 1u << 22 | 7u << 24;
  HWK_REGISTER(RCC_CR) |= 1u << 24;
  if (!hwk_wait(RCC_CR, 1u << 25, 1u << 25)) {
    return;
  }
  /* FLASH_ACR 3.9.1 and table 10: 5 wait states at 168 MHz; both caches and prefetch. */
  HWK_REGISTER(FLASH_ACR) = 5u | 7u << 8;
  /* RCC_CFGR 7.3.3: APB1 by 4, APB2 by 2, then the switch. */
  HWK_REGISTER(RCC_CFGR) = 5u << 10 | 4u << 13;
  HWK_REGISTER(RCC_CFGR) = 5u << 10 | 4u << 13 | SWITCH_PLL;
  peripheral_hz = HSI_HZ / 2u;
  if (hwk_wait(RCC_CFGR, 3u << 2, SWITCH_PLL << 2)) {
    clock_hz = HWK_CLOCK_HZ;
    peripheral_hz = HWK_CLOCK_HZ / 2u;
  }
}

/* Alternate function 7: GPIO 8.4.1, 8.4.9; clocks: RCC 7.3.10, 7.3.14. */
static void start_uart(void) {
  HWK_REGISTER(RCC_AHB1ENR) |= 1u << 1;
  HWK_REGISTER(RCC_APB2ENR) |= 1u << 4;
  (void)HWK_REGISTER(RCC_APB2ENR); /* the enable takes two cycles */
  HWK_REGISTER(GPIOB + GPIO_AFRL) = (HWK_REGISTER(GPIOB + GPIO_AFRL) & ~(0xFFu << 24)) | 0x77u
                                                                                             << 24;
  HWK_REGISTER(GPIOB + GPIO_MODER) = (HWK_REGISTER(GPIOB + GPIO_MODER) & ~(15u << 12)) | 10u << 12;
  hwk_uart_start(peripheral_hz);
}

void hwk_platform_init(void) {
  start_pll();
  start_uart();
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return clock_hz; }

/* RM0090 39.1: the 96-bit unique identifier. */
hwk_identity_t hwk_platform_identity(void) { return hwk_identity_by_rom_table(0x1FFF7A10u, 3); }
