/* STM32L4R5 on NUCLEO-L4R5ZI: 120 MHz from the 4 MHz MSI, LPUART1 to the ST-LINK's serial port.
 * ST RM0432 by chapter: FLASH 3, PWR 5, RCC 6, GPIO 8; pins: UM2179, virtual COM port. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define RCC 0x40021000u
#define RCC_CR (RCC + 0x00u)
#define RCC_CFGR (RCC + 0x08u)
#define RCC_PLLCFGR (RCC + 0x0Cu)
#define RCC_AHB2ENR (RCC + 0x4Cu)
#define RCC_APB1ENR1 (RCC + 0x58u)
#define RCC_APB1ENR2 (RCC + 0x5Cu)
#define RCC_CCIPR (RCC + 0x88u)
#define FLASH_ACR 0x40022000u
#define PWR_CR2 0x40007004u
#define PWR_SR2 0x40007014u
#define PWR_CR5 0x40007080u
#define GPIOG 0x48001800u
#define GPIO_MODER 0x00u
#define GPIO_AFRL 0x20u
#define GPIO_AFRH 0x24u

#define MSI_HZ 4000000u
#define HSI_HZ 16000000u
#define SWITCH_PLL 3u

static uint32_t clock_hz = MSI_HZ;

/* MSI / 1 * 60 / 2 = 120 MHz. */
static void start_pll(void) {
  /* RCC chapter, RCC_APB1ENR1: the power controller's clock; PWR chapter, PWR_CR5: range 1 boost
   * mode, needed above 80 MHz; PWR_SR2: the regulator has settled. */
  HWK_REGISTER(RCC_APB1ENR1) |= 1u << 28;
  HWK_REGISTER(PWR_CR5) &= ~(1u << 8);
  /* FLASH chapter, FLASH_ACR and its table of wait states: 5 at 120 MHz; both caches and prefetch. */
  HWK_REGISTER(FLASH_ACR) = 5u | 7u << 8;
  if (!hwk_wait(PWR_SR2, 1u << 10, 0) || !hwk_wait(FLASH_ACR, 0xFu, 5u)) {
    return;
  }
  /* RCC chapter, RCC_PLLCFGR: source MSI, M 1, N 60, R 2 enabled. */
  HWK_REGISTER(RCC_PLLCFGR) = 1u | 60u << 8 | 1u << 24;
  HWK_REGISTER(RCC_CR) |= 1u << 24;
  if (!hwk_wait(RCC_CR, 1u << 25, 1u << 25)) {
    return;
  }
  /* PWR chapter, dynamic voltage scaling: a step above 80 MHz goes through half the speed for at least a microsecond, and the
   * wait for the switch takes longer. */
  HWK_REGISTER(RCC_CFGR) = 8u << 4 | SWITCH_PLL;
  if (!hwk_wait(RCC_CFGR, 3u << 2, SWITCH_PLL << 2)) {
    return;
  }
  for (volatile uint32_t turns = 0; turns < 100u; turns++) {
  }
  HWK_REGISTER(RCC_CFGR) = SWITCH_PLL;
  clock_hz = HWK_CLOCK_HZ;
}

/* PG7 and PG8, alternate function 8. Port G hangs on VDDIO2, which PWR_CR2 declares valid.
 * GPIO chapter, GPIOx_MODER and _AFRL. LPUART1 runs from the 16 MHz HSI (RCC_CCIPR). */
static void start_uart(void) {
  HWK_REGISTER(RCC_APB1ENR1) |= 1u << 28;
  HWK_REGISTER(PWR_CR2) |= 1u << 9;
  HWK_REGISTER(RCC_CR) |= 1u << 8;
  hwk_wait(RCC_CR, 1u << 10, 1u << 10);
  HWK_REGISTER(RCC_AHB2ENR) |= 1u << 6;
  HWK_REGISTER(RCC_APB1ENR2) |= 1u;
  HWK_REGISTER(RCC_CCIPR) = (HWK_REGISTER(RCC_CCIPR) & ~(3u << 10)) | 2u << 10;
  HWK_REGISTER(GPIOG + GPIO_AFRL) = (HWK_REGISTER(GPIOG + GPIO_AFRL) & ~(15u << 28)) | 8u << 28;
  HWK_REGISTER(GPIOG + GPIO_AFRH) = (HWK_REGISTER(GPIOG + GPIO_AFRH) & ~15u) | 8u;
  HWK_REGISTER(GPIOG + GPIO_MODER) = (HWK_REGISTER(GPIOG + GPIO_MODER) & ~(15u << 14)) | 10u << 14;
  hwk_uart_start(256u * HSI_HZ);
}

void hwk_platform_init(void) {
  start_pll();
  start_uart();
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return clock_hz; }

/* RM0432, device electronic signature: the 96-bit unique identifier. */
hwk_identity_t hwk_platform_identity(void) { return hwk_identity_by_rom_table(0x1FFF7590u, 3); }
