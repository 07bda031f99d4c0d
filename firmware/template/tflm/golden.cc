#include "golden.h"

const unsigned char kGoldenInputs[kGoldenSamples * kGoldenInputBytes] = {
    @INPUTS@};

// Little-endian, as on every core that is likely to run this.
const unsigned char kGoldenOutputs[kGoldenSamples * kGoldenOutputBytes] = {
    @OUTPUTS@};
