/* Constant tables of the model. Generated. */
#ifndef MODEL_DATA_H
#define MODEL_DATA_H

#include <stdint.h>

extern const int8_t layer0_weights[16];
extern const int32_t layer0_bias[3];

#endif
