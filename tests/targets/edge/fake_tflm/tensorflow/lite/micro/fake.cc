#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"

// The project's own, from golden.cc.
namespace FAKE_NAMESPACE {
extern const unsigned char kGoldenInputs[];
extern const unsigned char kGoldenOutputs[];
}  // namespace FAKE_NAMESPACE
using namespace FAKE_NAMESPACE;

namespace {
size_t invokes = 0;
}

void MicroPrintf(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::printf("\n");
}

namespace tflite {

void InitializeTarget() { std::printf("initialized\n"); }

MicroInterpreter::MicroInterpreter(const Model* model, const MicroOpResolver& resolver,
                                   uint8_t* arena, size_t arena_bytes)
    : model_(model), resolver_(resolver), arena_(arena), arena_bytes_(arena_bytes) {}

TfLiteStatus MicroInterpreter::AllocateTensors() {
  const bool is_model = std::memcmp(reinterpret_cast<const char*>(model_) + 4, "TFL3", 4) == 0;
  input_ = {{reinterpret_cast<char*>(arena_)}, FAKE_INPUT_BYTES};
  output_ = {{reinterpret_cast<char*>(arena_) + FAKE_INPUT_BYTES}, FAKE_OUTPUT_BYTES};
  const bool fits = FAKE_INPUT_BYTES + FAKE_OUTPUT_BYTES <= arena_bytes_;
  const bool exact = resolver_.count() == resolver_.room();
  return is_model && fits && exact ? kTfLiteOk : kTfLiteError;
}

TfLiteTensor* MicroInterpreter::input(size_t) { return &input_; }
TfLiteTensor* MicroInterpreter::output(size_t) { return &output_; }

TfLiteStatus MicroInterpreter::Invoke() {
  const size_t k = invokes++;
  if (std::memcmp(input_.data.raw, kGoldenInputs + k * FAKE_INPUT_BYTES, FAKE_INPUT_BYTES) != 0) {
    return kTfLiteError;
  }
  std::memcpy(output_.data.raw, kGoldenOutputs + k * FAKE_OUTPUT_BYTES, FAKE_OUTPUT_BYTES);
#ifdef FAKE_WRONG
  output_.data.raw[0] ^= 1;
#endif
  return kTfLiteOk;
}

size_t MicroInterpreter::arena_used_bytes() const { return resolver_.room(); }

}  // namespace tflite
