/* Kernels with vectors for layers that are known when they are compiled, as a model calls them: one
 * of each kind of rescale. */
#include <hwk_kernels.h>

#include <hwk_conv2d_s8_lanes.h>
#include <hwk_dense_s8_lanes.h>
#include <hwk_depthwise_conv2d_s8_lanes.h>

extern const int8_t weights[];
extern const int32_t bias[], multipliers[];
extern const uint8_t shifts[];
extern const int64_t offsets[];

#define WINDOW(size, stride, padding) \
  {25, 5, 64, 25, 5, size, size, stride, stride, 1, 1, padding, padding}

#define LAYERS(name, ...)                                                                  \
  void name##_pointwise(const int8_t *x, void *y, void *scratch) {                         \
    static const hwk_conv2d_t d = {WINDOW(1, 1, 0), 64, -3, weights, bias, {__VA_ARGS__}}; \
    hwk_conv2d_s8_lanes(&d, x, y, scratch);                                                \
  }                                                                                        \
  void name##_conv2d(const int8_t *x, void *y, void *scratch) {                            \
    static const hwk_conv2d_t d = {WINDOW(3, 2, 1), 64, -3, weights, bias, {__VA_ARGS__}}; \
    hwk_conv2d_s8_lanes(&d, x, y, scratch);                                                \
  }                                                                                        \
  void name##_depthwise(const int8_t *x, void *y, void *scratch) {                         \
    static const hwk_depthwise_conv2d_t d = {                                              \
        WINDOW(3, 1, 1), 1, -3, weights, bias, {__VA_ARGS__}};                             \
    hwk_depthwise_conv2d_s8_lanes(&d, x, y, scratch);                                      \
  }                                                                                        \
  void name##_dense(const int8_t *x, void *y, void *scratch) {                             \
    static const hwk_dense_t d = {1, 64, 40, weights, bias, {__VA_ARGS__}};                \
    hwk_dense_s8_lanes(&d, x, y, scratch);                                                 \
  }

LAYERS(none, HWK_ROUND_NONE, NULL, NULL, NULL, 0, 0, 0, 0, 0, 32, 4, 0, 0, 0, 0)
LAYERS(twice, HWK_ROUND_DOUBLE, multipliers, shifts, NULL, 0, 36, 36, 40, 0, 20, 1, 0, -128, -128,
       127)
LAYERS(twice_low, HWK_ROUND_DOUBLE, multipliers, shifts, NULL, 0, 30, 30, 40, 0, 20, 1, 0, -128,
       -128, 127)
LAYERS(up, HWK_ROUND_HALF_UP, multipliers, shifts, NULL, 0, 36, 36, 40, 3, 20, 2, 0, -7, -100, 99)
LAYERS(even, HWK_ROUND_HALF_EVEN, multipliers, shifts, NULL, 0, 36, 36, 40, 3, 20, 1, 0, -128, -100,
       99)
LAYERS(down, HWK_ROUND_FLOOR, multipliers, shifts, offsets, 0, 36, 36, 40, 0, 20, 1, 1, -128, -128,
       127)
