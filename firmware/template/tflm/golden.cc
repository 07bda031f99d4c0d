#include "golden.h"

namespace hwk_@ID@ {

const unsigned char kGoldenInputs[kGoldenSamples * kGoldenInputBytes] = {
    @INPUTS@};

// Little-endian, as on every core that is likely to run this.
const unsigned char kGoldenOutputs[kGoldenSamples * kGoldenOutputBytes] = {
    @OUTPUTS@};

}  // namespace hwk_@ID@
