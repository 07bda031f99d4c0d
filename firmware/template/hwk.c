/* The public functions over the generated model. */
#include <limits.h>
#include <string.h>

#include "hwk_@ID@_model.h"
#include "hwk_model.h"
#include "hwk_profile.h"
#include "hwk_selftest.h"

_Static_assert(INT_MAX >= 2147483647, "the kernels compute in int of 32 bits or more");
_Static_assert(HWK_@UPPER@_INPUTS > 0, "a model has an input");

static int ready;

__attribute__((weak)) void hwk_profile_mark(int layer) { (void)layer; }

int hwk_@ID@_init(void) {
  const hwk_tensors_t *inputs = &hwk_model_info.inputs;
  for (size_t k = 0; k < inputs->count && hwk_model_info.stream == NULL; k++) {
    memset(inputs->first[k].data, 0, inputs->first[k].bytes);
  }
  if (hwk_model_info.stream != NULL) {
    hwk_model_info.stream->restart();
  }
  hwk_model_reset();
  ready = 1;
  return HWK_OK;
}

static void *tensor(const hwk_tensors_t *tensors, size_t index) {
  return index < tensors->count ? tensors->first[index].data : NULL;
}

hwk_@ID@_input_t *@PREFIX@input(size_t index) { return tensor(&hwk_model_info.inputs, index); }

static hwk_tensor_t wanted(void) {
  const hwk_stream_t *stream = hwk_model_info.stream;
  return stream == NULL ? (hwk_tensor_t){NULL, 0} : stream->wanted();
}

hwk_@ID@_input_t *hwk_@ID@_rows(size_t *elements) {
  const hwk_tensor_t rows = wanted();
  *elements = rows.bytes / @INTEGER_BYTES@u;
  return (void *)rows.data;
}

int hwk_@ID@_take(void) {
  if (!ready || wanted().bytes == 0) {
    return HWK_NOT_READY;
  }
  hwk_model_info.stream->take();
  return HWK_OK;
}

int hwk_@ID@_invoke(void) {
  if (!ready || wanted().bytes != 0) {
    return HWK_NOT_READY;
  }
  hwk_model_invoke(hwk_model_info.layer_count - 1u);
  return HWK_OK;
}

const hwk_@ID@_output_t *@PREFIX@output(size_t index) {
  return tensor(&hwk_model_info.outputs, index);
}

int hwk_@ID@_reset(void) {
  hwk_model_reset();
  return HWK_OK;
}

size_t hwk_@ID@_arena_bytes(void) { return HWK_@UPPER@_ARENA_BYTES; }

int hwk_@ID@_selftest(void) {
  if (!ready) {
    return HWK_NOT_READY;
  }
  return hwk_selftest_run() == hwk_model_info.selftest_crc32 ? HWK_OK : HWK_WRONG;
}
