#include "semihosting.h"

#define CALL_BYTES 12u
static const uint32_t call[3] = {
    0x01F01013u, /* slli zero, zero, 0x1f */
    0x00100073u, /* ebreak */
    0x40705013u, /* srai zero, zero, 7 */
};

static uint32_t word(const uint8_t *code) {
  return code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24;
}

bool hwk_semihosting_is_call(const hwk_board_config_t *config, uint32_t pc) {
  const uint64_t offset = (uint64_t)pc - 4u - config->code_origin; /* huge in front of the code */
  if (config->thumb != 0 || config->code_bytes < CALL_BYTES ||
      offset > config->code_bytes - CALL_BYTES) {
    return false;
  }
  const uint8_t *code = config->code + offset;
  return word(code) == call[0] && word(code + 4) == call[1] && word(code + 8) == call[2];
}
