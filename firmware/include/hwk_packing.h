/* How the integers of a layer lie where they have no byte of their own.
 *
 * In a packed map the integers of a tensor follow each other without gaps, from the low bits of a
 * byte up: of 4 bits integer 0 is in bits 0..3 and integer 1 in bits 4..7 of the first byte. Two's
 * complement. Weights are packed in the order in which the kernel reads their bytes, word by word (see
 * hwk_packed_weights.h); those of one bit are one of two values.
 *
 * input_bits    of each input: 1, 2, 4 (packed), 8, 16 or 32 (as the kernel reads them); 0 for none
 * output_bits   alike
 * weight_bits   1, 2, 4, or 8 for what is not packed
 * step          what is computed at once: output rows of a map, rows of a matrix, elements; of
 *               elements a multiple of 8 and of the channels
 * tile          output channels that are computed at once where weights are packed
 * weight_rows, row_bytes
 *               rows of weights as the kernel reads them, and bytes of each, where there are several
 *               tiles
 * input_bytes, output_bytes, weight_bytes, tile_bytes
 *               of the buffers for what was unpacked, for what is not packed yet, for a tile's
 *               weights and its outputs: multiples of 4, 0 for none. Scratch memory has them in this
 *               order (elements: output_bytes last, input_bytes for each packed input), and the
 *               kernel's own behind them
 * low, high     the values of weights of one bit, for bits of 0 and 1
 * output_low, output_high
 *               of packed outputs, where the kernel clamps to the whole of int8 instead: what is
 *               packed is clamped once more. -128 and 127 where it is not
 */
#ifndef HWK_PACKING_H
#define HWK_PACKING_H

#include <stdint.h>

typedef struct {
  int32_t input_bits[2];
  int32_t output_bits;
  int32_t weight_bits;
  int32_t step;
  int32_t tile;
  int32_t weight_rows;
  int32_t row_bytes;
  int32_t input_bytes;
  int32_t output_bytes;
  int32_t weight_bytes;
  int32_t tile_bytes;
  int32_t low;
  int32_t high;
  int32_t output_low;
  int32_t output_high;
} hwk_packing_t;

#endif
