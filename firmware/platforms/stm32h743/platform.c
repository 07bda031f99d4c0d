/* STM32H743 on NUCLEO-H743ZI: 400 MHz from the 64 MHz HSI, USART3 to the ST-LINK's serial port,
 * both caches on. ST RM0433 by chapter: FLASH 4, PWR 6, RCC 8, GPIO 11; pins: UM1974, virtual COM
 * port; caches: Arm "Armv7-M Architecture Reference Manual" (DDI 0403), B2.2.7 and B3.2.8. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define RCC 0x58024400u
#define RCC_CR (RCC + 0x00u)
#define RCC_CFGR (RCC + 0x10u)
#define RCC_D1CFGR (RCC + 0x18u)
#define RCC_D2CFGR (RCC + 0x1Cu)
#define RCC_D3CFGR (RCC + 0x20u)
#define RCC_PLLCKSELR (RCC + 0x28u)
#define RCC_PLLCFGR (RCC + 0x2Cu)
#define RCC_PLL1DIVR (RCC + 0x30u)
#define RCC_AHB4ENR (RCC + 0xE0u)
#define RCC_APB1LENR (RCC + 0xE8u)
#define PWR_CSR1 0x58024804u
#define PWR_CR3 0x5802480Cu
#define PWR_D3CR 0x58024818u
#define FLASH_ACR 0x52002000u
#define GPIOD 0x58020C00u
#define GPIO_MODER 0x00u
#define GPIO_AFRH 0x24u
#define CCR HWK_REGISTER(0xE000ED14u)
#define ICIALLU HWK_REGISTER(0xE000EF50u)
#define DCISW HWK_REGISTER(0xE000EF60u)

#define HSI_HZ 64000000u
#define SWITCH_PLL1 3u
/* Of the 16 kB data cache: lines of 32 bytes, 4 ways. */
#define CACHE_SETS 128u
#define CACHE_WAYS 4u

static uint32_t clock_hz = HSI_HZ;
static uint32_t peripheral_hz = HSI_HZ;

static void start_caches(void) {
  ICIALLU = 0;
  for (uint32_t set = 0; set < CACHE_SETS; set++) {
    for (uint32_t way = 0; way < CACHE_WAYS; way++) {
      DCISW = way << 30 | set << 5;
    }
  }
  __asm volatile("dsb" ::: "memory");
  CCR |= 3u << 16;
  __asm volatile("dsb\n\tisb" ::: "memory");
}

/* HSI / 16 * 200 / 2 = 400 MHz; buses 200 MHz, peripherals 100 MHz. */
static void start_pll(void) {
  /* PWR chapter, PWR_CR3: supply from the LDO, written once; PWR_D3CR: voltage scale 1. */
  HWK_REGISTER(PWR_CR3) = 1u << 1;
  if (!hwk_wait(PWR_CSR1, 1u << 13, 1u << 13)) {
    return;
  }
  HWK_REGISTER(PWR_D3CR) = 3u << 14;
  if (!hwk_wait(PWR_D3CR, 1u << 13, 1u << 13)) {
    return;
  }
  /* RCC chapter, RCC_PLLCKSELR, _PLLCFGR, _PLL1DIVR: HSI by 16; input range 4 to 8 MHz, P enabled; N 200, P 2. */
  HWK_REGISTER(RCC_PLLCKSELR) = 16u << 4;
  HWK_REGISTER(RCC_PLLCFGR) = 2u << 2 | 1u << 16;
  HWK_REGISTER(RCC_PLL1DIVR) = 199u | 1u << 9 | 1u << 16 | 1u << 24;
  HWK_REGISTER(RCC_CR) |= 1u << 24;
  if (!hwk_wait(RCC_CR, 1u << 25, 1u << 25)) {
    return;
  }
  /* RCC_D1CFGR to _D3CFGR: bus by 2, each peripheral bus by 2 again. FLASH chapter, FLASH_ACR and
   * its table of wait states: 2 at 200 MHz in scale 1, signal delay 2. */
  HWK_REGISTER(RCC_D1CFGR) = 8u | 4u << 4;
  HWK_REGISTER(RCC_D2CFGR) = 4u << 4 | 4u << 8;
  HWK_REGISTER(RCC_D3CFGR) = 4u << 4;
  HWK_REGISTER(FLASH_ACR) = 2u | 2u << 4;
  if (!hwk_wait(FLASH_ACR, 0xFu, 2u)) {
    return;
  }
  HWK_REGISTER(RCC_CFGR) = SWITCH_PLL1;
  peripheral_hz = HSI_HZ / 4u;
  if (!hwk_wait(RCC_CFGR, 7u << 3, SWITCH_PLL1 << 3)) {
    return;
  }
  clock_hz = HWK_CLOCK_HZ;
  peripheral_hz = HWK_CLOCK_HZ / 4u;
}

/* PD8 and PD9, alternate function 7: GPIO chapter, GPIOx_MODER and _AFRH; clocks: RCC chapter,
 * RCC_AHB4ENR and _APB1LENR. */
static void start_uart(void) {
  HWK_REGISTER(RCC_AHB4ENR) |= 1u << 3;
  HWK_REGISTER(RCC_APB1LENR) |= 1u << 18;
  (void)HWK_REGISTER(RCC_APB1LENR); /* the enable takes two cycles */
  HWK_REGISTER(GPIOD + GPIO_AFRH) = (HWK_REGISTER(GPIOD + GPIO_AFRH) & ~0xFFu) | 0x77u;
  HWK_REGISTER(GPIOD + GPIO_MODER) = (HWK_REGISTER(GPIOD + GPIO_MODER) & ~(15u << 16)) | 10u << 16;
  hwk_uart_start(peripheral_hz);
}

void hwk_platform_init(void) {
  start_caches();
  start_pll();
  start_uart();
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return clock_hz; }

/* RM0433, device electronic signature: the 96-bit unique identifier. */
hwk_identity_t hwk_platform_identity(void) { return hwk_identity_by_rom_table(0x1FF1E800u, 3); }
