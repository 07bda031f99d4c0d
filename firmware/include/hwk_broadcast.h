/* Descriptors of the kernels that walk over tensors of up to four axes: sums, differences and
 * products of two shapes, slices, transposes. Integers as in hwk_descriptors.h.
 */
#ifndef HWK_BROADCAST_H
#define HWK_BROADCAST_H

#include "hwk_descriptors.h"

/* Four loops over a tensor, last axis innermost; missing axes have size 1 and stand in front. */
typedef struct {
  int32_t sizes[4]; /* >= 1 */
} hwk_extent_t;

/* rescale(R_0(a - zero_points[0]) +- R_1(b - zero_points[1])), R_k = input_rescales[k], minus where
 * `subtract` is 1.
 *
 * extent         of the output; the last size counts the channels of all rescales
 * a_strides      how far apart two integers of `a` lie along each axis, 0 where one is repeated
 * b_strides      the same of `b`
 * An int8_t output may be an input that has all of the output's integers; otherwise the output
 * (int32_t for HWK_ROUND_NONE) overlaps no input.
 */
typedef struct {
  hwk_extent_t extent;
  int32_t a_strides[4];
  int32_t b_strides[4];
  int32_t subtract;
  int32_t zero_points[2];
  hwk_rescale_t input_rescales[2];
  hwk_rescale_t rescale;
} hwk_broadcast_add_t;

/* rescale((a - zero_points[0]) * (b - zero_points[1])); the rest as above. */
typedef struct {
  hwk_extent_t extent;
  int32_t a_strides[4];
  int32_t b_strides[4];
  int32_t zero_points[2];
  hwk_rescale_t rescale;
} hwk_broadcast_mul_t;

/* positive(v) where v = x - input_zero_point is 0 or more, else
 * negative(v * (slope - slope_zero_point)); both give int8_t.
 *
 * slopes          -128 .. 127
 * slope_strides   as a_strides above, in the table of slopes; the input has every integer
 * May run in place.
 */
typedef struct {
  hwk_extent_t extent;
  int32_t slope_strides[4];
  const int8_t *slopes;
  int32_t input_zero_point;
  int32_t slope_zero_point;
  hwk_rescale_t positive;
  hwk_rescale_t negative;
} hwk_prelu_t;

/* Output integer (i, j, k, l) is input integer offset + i * strides[0] + .. + l * strides[3]: a
 * slice, a reversal, a transpose. Strides may be negative; the output does not overlap the input. */
typedef struct {
  hwk_extent_t extent;
  int32_t strides[4];
  int32_t offset;
} hwk_gather_t;

/* output[i][j] = input[rows[i]][columns[j]], each a run of `channels` integers. */
typedef struct {
  int32_t input_width;
  int32_t channels;
  int32_t output_height;
  int32_t output_width;
  const int32_t *rows;
  const int32_t *columns;
} hwk_resize_nearest_t;

/* rescale(sum of (x - input_zero_point) * row weight * column weight) of the four pixels around each
 * place of a map (input_height, input_width, channels).
 *
 * rows           for each output row the upper row; below the last is the last
 * row_weights    what the lower row has of row_steps; columns alike
 * No |x - input_zero_point| * row_steps * column_steps exceeds 31 bits, or 47 in a `long` kernel.
 */
typedef struct {
  int32_t input_height;
  int32_t input_width;
  int32_t channels;
  int32_t output_height;
  int32_t output_width;
  int32_t row_steps;
  int32_t column_steps;
  int32_t input_zero_point;
  const int32_t *rows;
  const int32_t *row_weights;
  const int32_t *columns;
  const int32_t *column_weights;
  hwk_rescale_t rescale;
} hwk_resize_bilinear_t;

/* `elements` integers from a table; reads no input. */
typedef struct {
  int32_t elements;
  const int8_t *values;
} hwk_constant_t;

#endif
