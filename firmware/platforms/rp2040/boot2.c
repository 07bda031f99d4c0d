/* The second stage of the boot: the ROM copies the first 256 bytes of flash to the end of SRAM,
 * checks the CRC in their last word, which the build fills in, and jumps to them. "RP2040
 * Datasheet" 2.8.1.3; SSI registers 4.10.13.
 *
 * Maps the flash by the plain read command (0x03), which every chip has, at a quarter of the
 * system clock; then enters the image that follows as a reset would. */
__asm(".section .boot, \"ax\"\n"
      ".syntax unified\n"
      ".balign 4\n"
      "hwk_boot2:\n"
      " ldr r3, =0x18000000\n" /* SSI */
      " movs r1, #0\n"
      " str r1, [r3, #0x08]\n" /* SSIENR: off while it is set up */
      " movs r1, #4\n"
      " str r1, [r3, #0x14]\n" /* BAUDR */
      " ldr r1, =0x001F0300\n" /* CTRLR0: 32-bit frames, one bit wide, "EEPROM read" */
      " str r1, [r3, #0x00]\n"
      " movs r1, #0\n"
      " str r1, [r3, #0x04]\n" /* CTRLR1: one frame a read */
      " ldr r1, =0x03000218\n" /* SPI_CTRLR0: command 0x03 of 8 bits, 24 bits of address */
      " ldr r2, =0x180000F4\n"
      " str r1, [r2]\n"
      " movs r1, #1\n"
      " str r1, [r3, #0x08]\n"
      " ldr r0, =0x10000100\n" /* the vectors */
      " ldr r1, =0xE000ED08\n" /* VTOR */
      " str r0, [r1]\n"
      " ldr r1, [r0]\n"
      " msr msp, r1\n"
      " ldr r1, [r0, #4]\n"
      " bx r1\n"
      " .pool\n"
      " .org 252\n"
      " .word 0\n"
      ".text\n");
