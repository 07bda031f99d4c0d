/* Reset and trap entry of an RV32 core in machine mode: "The RISC-V Instruction Set Manual, Volume
 * II" (20211203), 3.1.7 (mtvec) and 3.4 (reset). Whoever starts the core jumps to the lowest
 * address of the code. A core with vectors starts with them off (mstatus.VS): "The RISC-V Vector
 * Extension", 1.0, 3.2. */
#include "hwk_startup.h"

void Reset_Handler(void);

#ifdef __riscv_vector
#define HWK_VECTORS_ON " li t0, 0x200\n csrs mstatus, t0\n"
#else
#define HWK_VECTORS_ON ""
#endif

/* Every trap ends in the loop: a debugger sees mepc and mcause. mtvec needs a multiple of 4. */
__asm(".section .vectors, \"ax\"\n"
      ".globl Reset_Handler\n"
      ".type Reset_Handler, @function\n"
      "Reset_Handler:\n"
      " la sp, hwk_stack_top\n"
      " la t0, hwk_trap\n"
      " csrw mtvec, t0\n"
      HWK_VECTORS_ON
      " j hwk_start\n"
      ".balign 4\n"
      "hwk_trap:\n"
      " j hwk_trap\n"
      ".text\n");
