/* What a straight run of code costs, core by core. docs/adr/0020-cycle-models.md has the sources. */
#ifndef HWK_COST_H
#define HWK_COST_H

#include <stdint.h>

/* taken_cycles  more where the branch at the end is taken
 * conditional   whether that branch may fall through */
typedef struct {
  uint32_t instructions;
  uint32_t cycles;
  uint32_t taken_cycles;
  uint32_t conditional;
} hwk_cost_t;

/* Cost of the `size_bytes` of code at `code`, entered at its start and left at its end; whatever
 * came before is done, and what follows waits for nothing of it. Memory without wait states.
 *
 * Arm "Cortex-M4 Technical Reference Manual" (DDI 0439), table 3-1 and section 3.3.3. What the
 * table leaves open: IT takes 1 (never folded), a divide 7 (2 to 12 by its operands), a load that
 * follows a load 1 (its address is ready), barriers and moves to special registers 1 and 2; a taken
 * branch adds its pipeline's refill, P of 1 to 3, taken as 2. Instruction fetch never stalls. */
hwk_cost_t hwk_cortex_m4_cost(const uint8_t *code, uint32_t size_bytes);

/* The same on a Cortex-M0+ with the single-cycle multiplier, an implementer's choice (the other
 * takes 32): Arm "Cortex-M0+ Technical Reference Manual" (DDI 0484), table 3-1. Loads and stores
 * take 2 cycles, LDM, STM, PUSH and POP 1 + N, BL 3, barriers and special registers 3, a taken
 * branch 1 more. */
hwk_cost_t hwk_cortex_m0plus_cost(const uint8_t *code, uint32_t size_bytes);

/* Cortex-M7: two in a cycle (cost_m7.c). */
hwk_cost_t hwk_cortex_m7_cost(const uint8_t *code, uint32_t size_bytes);

/* Cortex-M33 and Cortex-M55: one in a cycle but for a few pairs; vectors in two beats (cost_v8m.c). */
hwk_cost_t hwk_cortex_m33_cost(const uint8_t *code, uint32_t size_bytes);
hwk_cost_t hwk_cortex_m55_cost(const uint8_t *code, uint32_t size_bytes);

/* SiFive's E31 as in the FE310-G000, and Hazard3 as in the RP2350 (cost_rv32.c). */
hwk_cost_t hwk_e31_cost(const uint8_t *code, uint32_t size_bytes);
hwk_cost_t hwk_hazard3_cost(const uint8_t *code, uint32_t size_bytes);

/* Instructions alone; 0 cycles. Of Thumb code, and of RV32 code with compressed instructions. */
hwk_cost_t hwk_instruction_count(const uint8_t *code, uint32_t size_bytes);
hwk_cost_t hwk_rv32_instruction_count(const uint8_t *code, uint32_t size_bytes);

/* How a core finds the way at the end of a run: HWK_FIXED adds taken_cycles wherever it is not the
 * next address; HWK_COUNTERS has a counter of two bits for each branch, taken if it stands at 2 or
 * 3, and adds the model's mispredicted_cycles where it was wrong; HWK_LAST_BACKWARD knows the last
 * taken backward branch alone, until it falls through. */
typedef enum { HWK_FIXED, HWK_COUNTERS, HWK_LAST_BACKWARD } hwk_prediction_t;

typedef struct {
  const char *name;
  hwk_cost_t (*cost)(const uint8_t *code, uint32_t size_bytes);
  hwk_prediction_t prediction;
  uint32_t mispredicted_cycles;
} hwk_cost_model_t;

/* The model of a name, "" and "rv32" those that count instructions only; NULL for an unknown one. */
const hwk_cost_model_t *hwk_cost_model(const char *name);

#endif
