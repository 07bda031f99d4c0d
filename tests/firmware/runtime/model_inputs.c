/* A model of two inputs that lie apart and have ranges of their own. They are its outputs too, so
 * that the self-test sums up what it filled them with. */
#include <stddef.h>

#include "hwk_model.h"

static struct {
  int8_t first[3];
  int8_t between[16];
  int8_t second[5];
} arena;

static const hwk_tensor_t tensors[] = {{arena.first, sizeof arena.first},
                                       {arena.second, sizeof arena.second}};
static const hwk_range_t ranges[] = {{-128, 255}, {-8, 15}};

const hwk_model_info_t hwk_model_info = {
    .layer_count = 1,
    .selftest_steps = 2,
    .ranges = ranges,
    .inputs = {tensors, 2, sizeof arena.first + sizeof arena.second},
    .outputs = {tensors, 2, sizeof arena.first + sizeof arena.second},
};

void hwk_model_reset(void) {}

void hwk_model_invoke(uint32_t last_layer) { (void)last_layer; }
