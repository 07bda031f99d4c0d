/* Constant tables of the model. Generated. */
#include "model_data.h"

_Alignas(4) const int8_t layer0_weights[16] = {
    10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 0, 0, 0, 0};

_Alignas(4) const int32_t layer0_bias[3] = {
    0, 0, 0};
