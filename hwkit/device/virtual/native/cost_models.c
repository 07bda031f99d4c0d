#include "cost.h"

/* "Armv7-M Architecture Reference Manual" (DDI 0403), A5.1: the first halfword tells the size. */
hwk_cost_t hwk_instruction_count(const uint8_t *code, uint32_t size_bytes) {
  uint32_t instructions = 0;
  for (uint32_t at = 0; at + 2u <= size_bytes; instructions++) {
    at += code[at + 1] >> 3 < 0x1D ? 2u : 4u;
  }
  return (hwk_cost_t){instructions, 0};
}

/* "The RISC-V Instruction Set Manual, Volume I" (20191213), 1.5: the lowest two bits tell it. */
hwk_cost_t hwk_rv32_instruction_count(const uint8_t *code, uint32_t size_bytes) {
  uint32_t instructions = 0;
  for (uint32_t at = 0; at + 2u <= size_bytes; instructions++) {
    at += (code[at] & 3u) == 3u ? 4u : 2u;
  }
  return (hwk_cost_t){instructions, 0};
}

const hwk_cost_model_t hwk_cost_models[HWK_COST_MODELS] = {
    {hwk_instruction_count, 0},
    {hwk_cortex_m4_cost, 2},
    {hwk_cortex_m0plus_cost, 1},
    {hwk_rv32_instruction_count, 0},
};
