// Exactly the operators of the model.
#ifndef OPS_H_
#define OPS_H_

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace hwk_@ID@ {

using OpResolver = tflite::MicroMutableOpResolver<@OP_COUNT@>;

inline TfLiteStatus RegisterOps(OpResolver& resolver) {
@REGISTRATIONS@
  return kTfLiteOk;
}

}  // namespace hwk_@ID@

#endif  // OPS_H_
