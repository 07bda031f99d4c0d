/* The public functions over the generated model. */
#include "hwk.h"

#include <limits.h>
#include <string.h>

#include "hwk_model.h"
#include "hwk_profile.h"
#include "hwk_selftest.h"

_Static_assert(INT_MAX >= 2147483647, "the kernels compute in int of 32 bits or more");
_Static_assert(HWK_INPUT_ELEMENTS > 0, "a model has an input");

static int ready;

/* Called at each layer's start and at the end; a program that times layers has its own. */
__attribute__((weak)) void hwk_profile_mark(int layer) { (void)layer; }

int hwk_init(void) {
  memset(hwk_model_input(), 0, hwk_model_info.input_bytes);
  ready = 1;
  return HWK_OK;
}

int8_t *hwk_input(void) { return hwk_model_input(); }

int hwk_invoke(void) {
  if (!ready) {
    return HWK_NOT_READY;
  }
  hwk_model_invoke(hwk_model_info.layer_count - 1u);
  return HWK_OK;
}

const hwk_output_t *hwk_output(void) { return (const void *)hwk_model_output(); }

size_t hwk_arena_bytes(void) { return hwk_model_info.arena_bytes; }

int hwk_selftest(void) {
  if (!ready) {
    return HWK_NOT_READY;
  }
  return hwk_selftest_run() == hwk_model_info.selftest_crc32 ? HWK_OK : HWK_WRONG;
}
