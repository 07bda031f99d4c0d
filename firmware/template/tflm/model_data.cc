#include "model_data.h"

alignas(16) const unsigned char kModelData[kModelBytes] = {
    @MODEL_DATA@};
