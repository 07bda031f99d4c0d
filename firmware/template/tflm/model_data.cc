#include "model_data.h"

namespace hwk_@ID@ {

alignas(16) const unsigned char kModelData[kModelBytes] = {
    @MODEL_DATA@};

}  // namespace hwk_@ID@
