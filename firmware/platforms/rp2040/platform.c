/* RP2040 on Raspberry Pi Pico: 125 MHz from the 12 MHz crystal, UART0 on GPIO 0 (TX) and 1 (RX).
 * "RP2040 Datasheet": resets 2.14, clocks 2.15, XOSC 2.16, PLL 2.18, GPIO 2.19. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define SYSINFO 0x40000000u
#define RESETS 0x4000C000u
#define RESET_DONE (RESETS + 0x8u)
#define XOSC 0x40024000u
#define PLL_SYS 0x40028000u
#define CLOCKS 0x40008000u
#define CLK_REF_CTRL (CLOCKS + 0x30u)
#define CLK_REF_SELECTED (CLOCKS + 0x38u)
#define CLK_SYS_CTRL (CLOCKS + 0x3Cu)
#define CLK_SYS_SELECTED (CLOCKS + 0x44u)
#define CLK_PERI_CTRL (CLOCKS + 0x48u)
#define IO_BANK0 0x40014000u
#define GPIO_FUNCTION_UART 2u

#define BLOCK_IO_BANK0 (1u << 5)
#define BLOCK_PADS_BANK0 (1u << 8)
#define BLOCK_PLL_SYS (1u << 12)
#define BLOCK_UART0 (1u << 22)

#define CRYSTAL_HZ 12000000u
/* The ring oscillator, about 6.5 MHz, runs after reset (2.17). */
#define RING_HZ 6500000u

static uint32_t clock_hz = RING_HZ;

static void leave_reset(uint32_t blocks) {
  HWK_REGISTER(RESETS) &= ~blocks;
  hwk_wait(RESET_DONE, blocks, blocks);
}

/* 2.16.3: range 1 to 15 MHz; the start-up delay counts 256 periods, 47 are a millisecond. */
static int start_crystal(void) {
  HWK_REGISTER(XOSC + 0xCu) = 47u;
  HWK_REGISTER(XOSC) = 0xAA0u | 0xFABu << 12;
  if (!hwk_wait(XOSC + 0x4u, 1u << 31, 1u << 31)) {
    return 0;
  }
  /* 2.15.7: reference and system clock from the crystal, glitch-free. */
  HWK_REGISTER(CLK_REF_CTRL) = 2u;
  HWK_REGISTER(CLK_SYS_CTRL) = 0;
  return hwk_wait(CLK_REF_SELECTED, 1u << 2, 1u << 2) && hwk_wait(CLK_SYS_SELECTED, 1u, 1u);
}

/* 2.18.2: 12 MHz * 125 / 6 / 2 = 125 MHz. */
static int start_pll(void) {
  leave_reset(BLOCK_PLL_SYS);
  HWK_REGISTER(PLL_SYS) = 1u;
  HWK_REGISTER(PLL_SYS + 0x8u) = 125u;
  HWK_REGISTER(PLL_SYS + 0x4u) &= ~(1u | 1u << 5); /* power to PLL and VCO */
  if (!hwk_wait(PLL_SYS, 1u << 31, 1u << 31)) {
    return 0;
  }
  HWK_REGISTER(PLL_SYS + 0xCu) = 6u << 16 | 2u << 12;
  HWK_REGISTER(PLL_SYS + 0x4u) &= ~(1u << 3); /* and to the dividers behind it */
  HWK_REGISTER(CLK_SYS_CTRL) = 1u;
  return hwk_wait(CLK_SYS_SELECTED, 1u << 1, 1u << 1);
}

void hwk_platform_init(void) {
  if (start_crystal()) {
    clock_hz = CRYSTAL_HZ;
    if (start_pll()) {
      clock_hz = HWK_CLOCK_HZ;
    }
  }
  /* 2.15.7: the peripheral clock is the system clock. */
  HWK_REGISTER(CLK_PERI_CTRL) = 1u << 11;
  leave_reset(BLOCK_IO_BANK0 | BLOCK_PADS_BANK0 | BLOCK_UART0);
  /* 2.19.6.1: GPIOn_CTRL is at 8 * n + 4. */
  HWK_REGISTER(IO_BANK0 + 0x4u) = GPIO_FUNCTION_UART;
  HWK_REGISTER(IO_BANK0 + 0xCu) = GPIO_FUNCTION_UART;
  hwk_uart_start(clock_hz);
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return clock_hz; }

/* SYSINFO 2.20: CHIP_ID, and PLATFORM, which says whether this is the chip (bit 1). The serial number
 * is the flash's, out of reach of code that runs from it. */
hwk_identity_t hwk_platform_identity(void) {
  hwk_identity_t identity = {HWK_KIND_EMULATOR, HWK_REGISTER(SYSINFO), {0}};
  if (HWK_REGISTER(SYSINFO + 0x4u) & 2u) {
    identity.kind = HWK_KIND_HARDWARE;
  }
  return identity;
}
