#include "cost.h"

#include <stddef.h>
#include <string.h>

/* "Armv7-M Architecture Reference Manual" (DDI 0403), A5.1: the first halfword tells the size. */
hwk_cost_t hwk_instruction_count(const uint8_t *code, uint32_t size_bytes) {
  uint32_t instructions = 0;
  for (uint32_t at = 0; at + 2u <= size_bytes; instructions++) {
    at += code[at + 1] >> 3 < 0x1D ? 2u : 4u;
  }
  return (hwk_cost_t){instructions, 0, 0, 0};
}

/* "The RISC-V Instruction Set Manual, Volume I" (20191213), 1.5: the lowest two bits tell it. */
hwk_cost_t hwk_rv32_instruction_count(const uint8_t *code, uint32_t size_bytes) {
  uint32_t instructions = 0;
  for (uint32_t at = 0; at + 2u <= size_bytes; instructions++) {
    at += (code[at] & 3u) == 3u ? 4u : 2u;
  }
  return (hwk_cost_t){instructions, 0, 0, 0};
}

static const hwk_cost_model_t models[] = {
    {"", hwk_instruction_count, HWK_FIXED, 0},
    {"rv32", hwk_rv32_instruction_count, HWK_FIXED, 0},
    {"cortex-m4", hwk_cortex_m4_cost, HWK_FIXED, 0},
    {"cortex-m0plus", hwk_cortex_m0plus_cost, HWK_FIXED, 0},
    {"cortex-m7", hwk_cortex_m7_cost, HWK_COUNTERS, 8},
    {"cortex-m33", hwk_cortex_m33_cost, HWK_FIXED, 0},
    {"cortex-m55", hwk_cortex_m55_cost, HWK_FIXED, 0},
    {"e31", hwk_e31_cost, HWK_COUNTERS, 3},
    {"hazard3", hwk_hazard3_cost, HWK_LAST_BACKWARD, 1},
};

const hwk_cost_model_t *hwk_cost_model(const char *name) {
  for (size_t k = 0; k < sizeof models / sizeof models[0]; k++) {
    if (strcmp(models[k].name, name) == 0) {
      return &models[k];
    }
  }
  return NULL;
}
