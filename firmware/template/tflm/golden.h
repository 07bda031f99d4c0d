// Inputs and the outputs that the interpreter of TensorFlow Lite for Microcontrollers gave.
#ifndef GOLDEN_H_
#define GOLDEN_H_

#include <cstddef>

namespace hwk_@ID@ {

constexpr std::size_t kGoldenSamples = @SAMPLES@;
constexpr std::size_t kGoldenInputBytes = @INPUT_BYTES@;
constexpr std::size_t kGoldenOutputBytes = @OUTPUT_BYTES@;
extern const unsigned char kGoldenInputs[kGoldenSamples * kGoldenInputBytes];
extern const unsigned char kGoldenOutputs[kGoldenSamples * kGoldenOutputBytes];

}  // namespace hwk_@ID@

#endif  // GOLDEN_H_
