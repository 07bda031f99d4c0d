// Answers the golden inputs with the golden outputs.
#ifndef FAKE_MICRO_INTERPRETER_H_
#define FAKE_MICRO_INTERPRETER_H_

#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

struct TfLiteTensor {
  union {
    char *raw;
  } data;
  size_t bytes;
};

namespace tflite {

class MicroInterpreter {
public:
  MicroInterpreter(const Model *model, const MicroOpResolver &resolver, uint8_t *arena,
                   size_t arena_bytes);
  TfLiteStatus AllocateTensors();
  TfLiteTensor *input(size_t index);
  TfLiteTensor *output(size_t index);
  TfLiteStatus Invoke();
  size_t arena_used_bytes() const;

private:
  const Model *model_;
  const MicroOpResolver &resolver_;
  uint8_t *arena_;
  size_t arena_bytes_;
  TfLiteTensor input_ = {};
  TfLiteTensor output_ = {};
};

} // namespace tflite

#endif // FAKE_MICRO_INTERPRETER_H_
