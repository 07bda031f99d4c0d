/* March C- over the SRAM that nothing uses (van de Goor, "Using March Tests to Test SRAMs", IEEE
 * Design and Test of Computers, 1993): finds stuck and coupled cells and wrong address decoders. */
#include "hwk_platform.h"
#include "hwk_startup.h"

/* Volatile: every access happens. */
typedef volatile uint32_t word_t;

typedef struct {
  uint32_t failures;
  uint32_t first_address;
} result_t;

/* Reads `expected` and writes `next`, word by word from `word`, upwards or downwards. */
static __attribute__((noinline)) void march(result_t *result, word_t *word, uint32_t words,
                                            int32_t step, uint32_t expected, uint32_t next) {
  for (; words != 0; words--, word += step) {
    if (*word != expected && result->failures++ == 0) {
      result->first_address = (uint32_t)(uintptr_t)word;
    }
    *word = next;
  }
}

uint32_t hwk_platform_memory_test(uint32_t *tested_bytes, uint32_t *first_address) {
  word_t *first = &hwk_bss_end;
  const uint32_t words = (uint32_t)(&hwk_sram_end - &hwk_bss_end);
  word_t *last = first + words - 1;
  result_t result = {0, 0};
  uint32_t zero = 0;
  do {
    for (uint32_t i = 0; i < words; i++) {
      first[i] = zero;
    }
    march(&result, first, words, 1, zero, ~zero);
    march(&result, first, words, 1, ~zero, zero);
    march(&result, last, words, -1, zero, ~zero);
    march(&result, last, words, -1, ~zero, zero);
    march(&result, first, words, 1, zero, zero);
    zero ^= 0x55555555u; /* once more with neighbouring bits unequal */
  } while (zero != 0);
  *tested_bytes = words * (uint32_t)sizeof *first;
  *first_address = result.first_address;
  return result.failures;
}
