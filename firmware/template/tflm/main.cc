// Runs the model in TensorFlow Lite for Microcontrollers on inputs whose outputs are known.
#include <cstdint>
#include <cstring>

#include "golden.h"
#include "model_data.h"
#include "ops.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"

using namespace hwk_@ID@;

namespace {

// What the interpreter takes of it here is printed at the end; see README.md.
constexpr size_t kArenaBytes = @ARENA_BYTES@;
alignas(16) uint8_t arena[kArenaBytes];

bool RunGolden(tflite::MicroInterpreter& interpreter) {
  TfLiteTensor* input = interpreter.input(0);
  if (input->bytes != kGoldenInputBytes || interpreter.output(0)->bytes != kGoldenOutputBytes) {
    MicroPrintf("model and golden vectors do not belong together");
    return false;
  }
  for (size_t k = 0; k < kGoldenSamples; ++k) {
    std::memcpy(input->data.raw, kGoldenInputs + k * kGoldenInputBytes, kGoldenInputBytes);
    if (interpreter.Invoke() != kTfLiteOk) {
      return false;
    }
    const TfLiteTensor* output = interpreter.output(0);
    if (std::memcmp(output->data.raw, kGoldenOutputs + k * kGoldenOutputBytes,
                    kGoldenOutputBytes) != 0) {
      MicroPrintf("sample %d: FAILED", static_cast<int>(k));
      return false;
    }
  }
  return true;
}

}  // namespace

int main() {
  tflite::InitializeTarget();
  const tflite::Model* model = tflite::GetModel(kModelData);
  OpResolver resolver;
  if (RegisterOps(resolver) != kTfLiteOk) {
    MicroPrintf("the resolver has no room for all operators");
    return 1;
  }
  tflite::MicroInterpreter interpreter(model, resolver, arena, kArenaBytes);
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    MicroPrintf("an arena of %d bytes is too small for this version",
                static_cast<int>(kArenaBytes));
    return 1;
  }
  if (!RunGolden(interpreter)) {
    return 1;
  }
  MicroPrintf("%d samples passed; arena used %d of %d bytes", static_cast<int>(kGoldenSamples),
              static_cast<int>(interpreter.arena_used_bytes()), static_cast<int>(kArenaBytes));
  return 0;
}
