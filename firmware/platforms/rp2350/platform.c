/* RP2350 on Raspberry Pi Pico 2, its first Cortex-M33: 150 MHz from the 12 MHz crystal, UART0 on
 * GPIO 0 (TX) and 1 (RX). "RP2350 Datasheet": image definition 5.9, resets 7.5, clocks 8.1, XOSC
 * 8.2, PLL 8.6, GPIO 9.11. */
#include "hwk_drivers.h"
#include "hwk_platform.h"

#define SYSINFO 0x40000000u
#define OTP_DATA 0x40130000u
#define RESETS 0x40020000u
#define RESET_DONE (RESETS + 0x8u)
#define XOSC 0x40048000u
#define PLL_SYS 0x40050000u
#define CLOCKS 0x40010000u
#define CLK_REF_CTRL (CLOCKS + 0x30u)
#define CLK_REF_SELECTED (CLOCKS + 0x38u)
#define CLK_SYS_CTRL (CLOCKS + 0x3Cu)
#define CLK_SYS_SELECTED (CLOCKS + 0x44u)
#define CLK_PERI_CTRL (CLOCKS + 0x48u)
#define IO_BANK0 0x40028000u
#define PADS_BANK0 0x40038000u
#define GPIO_FUNCTION_UART 2u
/* Pad: input enabled, 4 mA, Schmitt trigger; not isolated (bit 8), output not disabled (bit 7). */
#define PAD_UART (1u << 6 | 1u << 4 | 1u << 1)

#define BLOCK_IO_BANK0 (1u << 6)
#define BLOCK_PADS_BANK0 (1u << 9)
#define BLOCK_PLL_SYS (1u << 14)
#define BLOCK_UART0 (1u << 26)

#define CRYSTAL_HZ 12000000u
/* The ring oscillator's nominal frequency after reset (8.3). */
#define RING_HZ 11000000u

static uint32_t clock_hz = RING_HZ;

/* 5.9.5: the smallest block that makes the ROM boot an image: one item, "executable, Arm, secure,
 * RP2350", then the end of the list. It lies behind the vectors, in the first 4 kB of flash. */
__attribute__((section(".image_definition"), used)) static const uint32_t image_definition[] = {
    0xFFFFDED3u, 0x10210142u, 0x000001FFu, 0x00000000u, 0xAB123579u};

static void leave_reset(uint32_t blocks) {
  HWK_REGISTER(RESETS) &= ~blocks;
  hwk_wait(RESET_DONE, blocks, blocks);
}

/* 8.2.8: range 1 to 15 MHz; the start-up delay counts 256 periods, 47 are a millisecond. */
static int start_crystal(void) {
  HWK_REGISTER(XOSC + 0xCu) = 47u;
  HWK_REGISTER(XOSC) = 0xAA0u | 0xFABu << 12;
  if (!hwk_wait(XOSC + 0x4u, 1u << 31, 1u << 31)) {
    return 0;
  }
  /* 8.1.7: reference and system clock from the crystal, glitch-free. */
  HWK_REGISTER(CLK_REF_CTRL) = 2u;
  HWK_REGISTER(CLK_SYS_CTRL) = 0;
  return hwk_wait(CLK_REF_SELECTED, 1u << 2, 1u << 2) && hwk_wait(CLK_SYS_SELECTED, 1u, 1u);
}

/* 8.6.4: 12 MHz * 125 / 5 / 2 = 150 MHz. */
static int start_pll(void) {
  leave_reset(BLOCK_PLL_SYS);
  HWK_REGISTER(PLL_SYS) = 1u;
  HWK_REGISTER(PLL_SYS + 0x8u) = 125u;
  HWK_REGISTER(PLL_SYS + 0x4u) &= ~(1u | 1u << 5); /* power to PLL and VCO */
  if (!hwk_wait(PLL_SYS, 1u << 31, 1u << 31)) {
    return 0;
  }
  HWK_REGISTER(PLL_SYS + 0xCu) = 5u << 16 | 2u << 12;
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
  /* 8.1.7: the peripheral clock is the system clock. */
  HWK_REGISTER(CLK_PERI_CTRL) = 1u << 11;
  leave_reset(BLOCK_IO_BANK0 | BLOCK_PADS_BANK0 | BLOCK_UART0);
  /* 9.11.1: GPIOn_CTRL is at 8 * n + 4; 9.11.3: pads at 4 * n + 4. */
  HWK_REGISTER(IO_BANK0 + 0x4u) = GPIO_FUNCTION_UART;
  HWK_REGISTER(IO_BANK0 + 0xCu) = GPIO_FUNCTION_UART;
  HWK_REGISTER(PADS_BANK0 + 0x4u) = PAD_UART;
  HWK_REGISTER(PADS_BANK0 + 0x8u) = PAD_UART;
  hwk_uart_start(clock_hz);
  hwk_counter_start();
}

uint32_t hwk_platform_clock_hz(void) { return clock_hz; }

/* SYSINFO 12.15: CHIP_ID, and PLATFORM, which says whether this is the chip (bit 1). OTP 13.10: CHIPID,
 * 64 bits, two rows of 16 in each word. */
hwk_identity_t hwk_platform_identity(void) {
  hwk_identity_t identity = {HWK_KIND_EMULATOR, HWK_REGISTER(SYSINFO), {0}};
  if (HWK_REGISTER(SYSINFO + 0x8u) & 2u) {
    identity.kind = HWK_KIND_HARDWARE;
    identity.serial[0] = HWK_REGISTER(OTP_DATA);
    identity.serial[1] = HWK_REGISTER(OTP_DATA + 0x4u);
  }
  return identity;
}
