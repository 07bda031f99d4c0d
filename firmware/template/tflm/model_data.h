// model.tflite as an array.
#ifndef MODEL_DATA_H_
#define MODEL_DATA_H_

#include <cstddef>

namespace hwk_@ID@ {

constexpr std::size_t kModelBytes = @MODEL_BYTES@;
extern const unsigned char kModelData[kModelBytes];

}  // namespace hwk_@ID@

#endif  // MODEL_DATA_H_
