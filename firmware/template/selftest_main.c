/* Runs the model on a known input and says whether the output is the expected one. */
#include <stdio.h>

#include "hwk.h"

int main(void) {
  hwk_init();
  const int result = hwk_selftest();
  printf("%s: self-test %s, arena %lu bytes\n", HWK_MODEL_NAME,
         result == HWK_OK ? "passed" : "FAILED", (unsigned long)hwk_arena_bytes());
  return result;
}
