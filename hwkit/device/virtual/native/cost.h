/* What a straight run of code costs, core by core. */
#ifndef HWK_COST_H
#define HWK_COST_H

#include <stdint.h>

typedef struct {
  uint32_t instructions;
  uint32_t cycles;
} hwk_cost_t;

/* Cost of the `size_bytes` of code at `code`, entered at its start and left at its end.
 *
 * Arm "Cortex-M4 Technical Reference Manual" (DDI 0439), table 3-1 and section 3.3.3. What the
 * table leaves open: IT takes 1 (never folded), a divide 7 (2 to 12 by its operands), a load that
 * follows a load 1 (its address is ready), barriers and moves to special registers 1 and 2. Memory
 * without wait states; instruction fetch never stalls. */
hwk_cost_t hwk_cortex_m4_cost(const uint8_t *code, uint32_t size_bytes);

/* The same on a Cortex-M0+ with the single-cycle multiplier, an implementer's choice (the other
 * takes 32): Arm "Cortex-M0+ Technical Reference Manual" (DDI 0484), table 3-1. Loads and stores
 * take 2 cycles, LDM, STM, PUSH and POP 1 + N, BL 3, barriers and special registers 3. Memory
 * without wait states. */
hwk_cost_t hwk_cortex_m0plus_cost(const uint8_t *code, uint32_t size_bytes);

/* Instructions alone; 0 cycles. Of Thumb code, and of RV32 code with compressed instructions. */
hwk_cost_t hwk_instruction_count(const uint8_t *code, uint32_t size_bytes);
hwk_cost_t hwk_rv32_instruction_count(const uint8_t *code, uint32_t size_bytes);

/* How a core's cycles are modelled. A taken branch adds its pipeline's refill: P of 1 to 3 on a
 * Cortex-M4, taken as 2; 1 on a Cortex-M0+. */
typedef struct {
  hwk_cost_t (*cost)(const uint8_t *code, uint32_t size_bytes);
  uint32_t taken_branch_cycles;
} hwk_cost_model_t;

/* By number: 0 counts instructions only, 1 Cortex-M4, 2 Cortex-M0+, 3 RV32 instructions only. */
#define HWK_COST_MODELS 4u
extern const hwk_cost_model_t hwk_cost_models[HWK_COST_MODELS];

#endif
