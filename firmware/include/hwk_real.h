/* Descriptors of the kernels of real functions over rows. Integers as in hwk_descriptors.h. */
#ifndef HWK_REAL_H
#define HWK_REAL_H

#include "hwk_descriptors.h"

/* Softmax over rows of `depth` integers, 1 .. 4096: the rescale of 2^30 parts of one.
 *
 * exponentials  2^31 * exp(-step * d), d = 0 .. 255
 * The output overlaps no input.
 */
typedef struct {
  int32_t rows;
  int32_t depth;
  const uint32_t *exponentials;
  hwk_rescale_t rescale;
} hwk_softmax_table_t;

/* Layer norm over rows of `channels` integers, 1 .. 4096: the rescale, by channel, of 2^24 parts of
 * one, times the channel's sign.
 *
 * epsilon  0 .. 2^61, added to 256 * channels^2 * variance; high and low 32 bits
 * signs    -1, 0 or 1 for each channel; NULL: all 1
 * The output overlaps no input.
 */
typedef struct {
  int32_t rows;
  int32_t channels;
  int32_t epsilon_high;
  int32_t epsilon_low;
  const int8_t *signs;
  hwk_rescale_t rescale;
} hwk_layer_norm_t;

#endif
