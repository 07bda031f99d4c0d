/* What a straight run of Thumb-2 code costs on a Cortex-M4. */
#ifndef HWK_COST_H
#define HWK_COST_H

#include <stdint.h>

/* Cycles that a taken branch adds: the pipeline refill P of 1 to 3, taken as 2. */
#define HWK_TAKEN_BRANCH_CYCLES 2u

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

#endif
