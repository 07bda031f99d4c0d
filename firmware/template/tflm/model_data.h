// model.tflite as an array.
#ifndef MODEL_DATA_H_
#define MODEL_DATA_H_

#include <cstddef>

constexpr std::size_t kModelBytes = @MODEL_BYTES@;
extern const unsigned char kModelData[kModelBytes];

#endif  // MODEL_DATA_H_
