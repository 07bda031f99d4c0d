/* Descriptors: everything that a kernel must know about its layer.
 *
 * Activations are int8_t or int16_t as the kernel's name says, NHWC, one sample; tensors of 2..7
 * and of 9..15 bits live in the same bytes with narrower clamps (kernels see packed ones unpacked,
 * see hwk_packing.h). Sums are int32_t. `output` of a
 * kernel with a rescale is as wide as that says; what an s8 kernel computes is int8_t, or the
 * sums themselves.
 */
#ifndef HWK_DESCRIPTORS_H
#define HWK_DESCRIPTORS_H

#include <stdint.h>

/* How p / 2^shift becomes an integer. */
typedef enum {
  HWK_ROUND_NONE = 0,      /* no rescale: the sum goes out as it is */
  HWK_ROUND_HALF_UP = 1,   /* (p + 2^(s-1)) >> s */
  HWK_ROUND_HALF_EVEN = 2, /* nearest, ties to even */
  HWK_ROUND_FLOOR = 3,     /* p >> s */
  HWK_ROUND_DOUBLE = 4     /* Q31 high product rounded half up, then a shift rounded half away
                              from zero: TFLite's MultiplyByQuantizedMultiplier */
} hwk_rounding_t;

/* clamp(round(p / 2^shift) + zero_point, low, high), p = (x << left_shift) * multiplier + offset
 *
 * multipliers  one entry a channel, 0 .. 2^31-1; NULL: `multiplier` serves all channels
 * shifts       one entry a channel, 0 .. 62;     NULL: `shift` does
 * offsets      of channel c: entry c * offset_step; NULL: no offset, as with HWK_ROUND_DOUBLE. No p,
 *              with 2^(shift-1) more where the rounding adds it, leaves 64 bits
 * multiplier   used when multipliers is NULL
 * shift        used when shifts is NULL; otherwise the smallest entry of shifts
 * lowest_shift, highest_shift  no channel's shift lies outside
 * left_shift   0 .. 30; x << left_shift must fit 32 bits
 * input_bits   every x << left_shift fits this many signed bits, at most 32
 * output_bytes of an integer of the output: 1, 2 or 4; 4 for HWK_ROUND_NONE
 * offset_step  1: one offset a channel, 0: one for all
 * zero_point   added after rounding
 * low, high    range of the result
 *
 * HWK_ROUND_DOUBLE: multiplier 0 or >= 2^29, and for shift < 31 x << (31 - shift) fits 32 bits.
 */
typedef struct {
  hwk_rounding_t rounding;
  const int32_t *multipliers;
  const uint8_t *shifts;
  const int64_t *offsets;
  int32_t multiplier;
  int32_t shift;
  int8_t lowest_shift;
  int8_t highest_shift;
  int8_t left_shift;
  int8_t input_bits;
  int8_t output_bytes;
  int8_t offset_step;
  int32_t zero_point;
  int32_t low;
  int32_t high;
} hwk_rescale_t;

/* A window sliding over a map (input_height, input_width, channels). Kernel tap (r, c) of
 * output (y, x) reads row y * stride_height - padding_top + r * dilation_height, and columns
 * alike; rows and columns outside the map are padding. All sizes are in integers, >= 1. */
typedef struct {
  int32_t input_height;
  int32_t input_width;
  int32_t channels;
  int32_t output_height;
  int32_t output_width;
  int32_t kernel_height;
  int32_t kernel_width;
  int32_t stride_height;
  int32_t stride_width;
  int32_t dilation_height;
  int32_t dilation_width;
  int32_t padding_top;
  int32_t padding_left;
} hwk_window_t;

/* 2-D convolution, also 1x1. Input (H, W, channels), output (OH, OW, output_channels).
 *
 * input_zero_point  what the padding holds, an integer of the input's width
 * weights           rows layout (hwk_weights.h), a row an output channel, in groups of as many as the
 *                   kernel says, taps in order
 *                   (kernel row, kernel column, input channel)
 * bias              output_channels entries, with -input_zero_point * sum(weights) folded in;
 *                   modulo 2^32. NULL for kernels of long sums: their rescale's offsets hold it
 */
typedef struct {
  hwk_window_t window;
  int32_t output_channels;
  int32_t input_zero_point;
  const void *weights;
  const int32_t *bias;
  hwk_rescale_t rescale;
} hwk_conv2d_t;

/* Depthwise convolution; output channel c reads input channel c / channel_multiplier.
 *
 * weights  taps layout (hwk_weights.h); bias, input_zero_point as in hwk_conv2d_t
 */
typedef struct {
  hwk_window_t window;
  int32_t channel_multiplier;
  int32_t input_zero_point;
  const void *weights;
  const int32_t *bias;
  hwk_rescale_t rescale;
} hwk_depthwise_conv2d_t;

/* Matrix product: input (rows, input_features), output (rows, output_features).
 *
 * weights  rows layout, a row an output feature; bias as in hwk_conv2d_t
 */
typedef struct {
  int32_t rows;
  int32_t input_features;
  int32_t output_features;
  const void *weights;
  const int32_t *bias;
  hwk_rescale_t rescale;
} hwk_dense_t;

/* Products of two activations' matrices: rescale(sum over k of (a - zero_points[0]) * (b -
 * zero_points[1])) of `batches` pairs of matrices (rows, inner) and (inner, columns), to
 * (batches, rows, columns). The output overlaps no input; a and b may be one.
 *
 * a_strides  how far apart two integers of `a` lie from one matrix, row, inner place to the next; 0
 *            from one matrix to the next where one serves all
 * b_strides  the same of `b` by matrix, column, inner place
 */
typedef struct {
  int32_t batches;
  int32_t rows;
  int32_t inner;
  int32_t columns;
  int32_t a_strides[3];
  int32_t b_strides[3];
  int32_t zero_points[2];
  hwk_rescale_t rescale;
} hwk_matmul_t;

/* rescale(R_0(a - zero_points[0]) + R_1(b - zero_points[1])), R_k = input_rescales[k], of
 * `elements` integers whose last axis has `channels`. `output` may be `a` or `b` when it is
 * int8_t. An input rescale of HWK_ROUND_NONE leaves its input unchanged. */
typedef struct {
  int32_t elements;
  int32_t channels;
  int32_t zero_points[2];
  hwk_rescale_t input_rescales[2];
  hwk_rescale_t rescale;
} hwk_add_t;

/* Window sums of x - input_zero_point; padding adds nothing; dilation is 1. */
typedef struct {
  hwk_window_t window;
  int32_t input_zero_point;
  hwk_rescale_t rescale;
} hwk_sum_pool_t;

/* Window mean (half away from zero) or maximum of the integers inside the map, clamped to
 * low .. high; dilation is 1, and no window lies wholly in the padding. */
typedef struct {
  hwk_window_t window;
  int32_t low;
  int32_t high;
} hwk_pool_t;

/* Surrounds a map (input_height, input_width, channels) with `value`. */
typedef struct {
  int32_t input_height;
  int32_t input_width;
  int32_t channels;
  int32_t padding_top;
  int32_t padding_bottom;
  int32_t padding_left;
  int32_t padding_right;
  int32_t value;
} hwk_pad_t;

/* One input's part of a concatenation: `blocks` runs of `input_block` integers each, written at
 * offset, offset + output_block, ... of the output. Call it once for each input. */
typedef struct {
  int32_t blocks;
  int32_t input_block;
  int32_t output_block;
  int32_t offset;
} hwk_concat_t;

/* rescale(x - input_zero_point) of `elements` integers whose last axis has `channels`. In place
 * where input and output have the same width. */
typedef struct {
  int32_t elements;
  int32_t channels;
  int32_t input_zero_point;
  hwk_rescale_t rescale;
} hwk_requantize_t;

/* min(max(x, low), high) of `elements` integers. May run in place. */
typedef struct {
  int32_t elements;
  int32_t low;
  int32_t high;
} hwk_clamp_t;

/* table[x - input_low] of `elements` integers; the table has an entry for each value of the
 * input's type, ascending, as wide as the output. In place where input and output have the same
 * width. */
typedef struct {
  int32_t elements;
  int32_t input_low;
  const void *table;
} hwk_lookup_t;

/* Of each of `rows` rows of `depth` integers the place of the largest, 0 .. depth - 1, the first of
 * equals. The output is apart from the input. */
typedef struct {
  int32_t rows;
  int32_t depth;
} hwk_argmax_t;

/* Softmax over rows of `depth` integers, to scale 1/256 and zero point -128, in the fixed point
 * arithmetic of TensorFlow Lite for Microcontrollers.
 *
 * multiplier, left_shift  bring a difference d to Q5.26: round(d * 2^left_shift * multiplier / 2^31)
 * difference_min          below this difference to the row's maximum the output is -128; <= 0
 */
typedef struct {
  int32_t rows;
  int32_t depth;
  int32_t multiplier;
  int32_t left_shift;
  int32_t difference_min;
} hwk_softmax_t;

/* Softmax over rows of `depth` int16_t, to scale 1/32768 and zero point 0, as TensorFlow Lite for
 * Microcontrollers computes it: from two tables with straight lines between their 513 entries.
 *
 * multiplier, shift  bring a difference d to steps of the exponentials' table, 128 an entry:
 *                    as HWK_ROUND_DOUBLE does
 * exponentials       32768 * exp(x), x = -10 .. 0
 * reciprocals        32768 / (1 + x), x = 0 .. 1
 */
typedef struct {
  int32_t rows;
  int32_t depth;
  int32_t multiplier;
  int32_t shift;
  const int16_t *exponentials;
  const int16_t *reciprocals;
} hwk_softmax16_t;

#endif
