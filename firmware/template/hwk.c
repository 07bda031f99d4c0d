/* The public functions over the generated model. */
#include <limits.h>
#include <string.h>

#include "hwk_@ID@_model.h"
#include "hwk_model.h"
#include "hwk_profile.h"
#include "hwk_selftest.h"

_Static_assert(INT_MAX >= 2147483647, "the kernels compute in int of 32 bits or more");
_Static_assert(HWK_@UPPER@_INPUT_ELEMENTS > 0, "a model has an input");

static int ready;

__attribute__((weak)) void hwk_profile_mark(int layer) { (void)layer; }

int hwk_@ID@_init(void) {
  memset(hwk_model_input(), 0, hwk_model_info.input_bytes);
  ready = 1;
  return HWK_OK;
}

int8_t *hwk_@ID@_input(void) { return hwk_model_input(); }

int hwk_@ID@_invoke(void) {
  if (!ready) {
    return HWK_NOT_READY;
  }
  hwk_model_invoke(hwk_model_info.layer_count - 1u);
  return HWK_OK;
}

const hwk_@ID@_output_t *hwk_@ID@_output(void) { return (const void *)hwk_model_output(); }

size_t hwk_@ID@_arena_bytes(void) { return hwk_model_info.arena_bytes; }

int hwk_@ID@_selftest(void) {
  if (!ready) {
    return HWK_NOT_READY;
  }
  return hwk_selftest_run() == hwk_model_info.selftest_crc32 ? HWK_OK : HWK_WRONG;
}
