/* Convolution 3x3 at a stride of 1 by Winograd's F(4x4, 3x3): 16 outputs of 144 products take 36,
 * and are the very integers that a direct convolution gives.
 *
 * With the rows of the usual G freed of their fractions, and d a tile of 6x6 inputs plus 128, g a
 * kernel of 3x3:
 *
 *   G   = (6 0 0), (1 1 1), (1 -1 1), (1 2 4), (1 -2 4), (0 0 6)
 *   B^T = (4 0 -5 0 1 0), (0 -4 -4 1 1 0), (0 4 -4 -1 1 0), (0 -2 -1 2 1 0), (0 2 -1 -2 1 0),
 *         (0 4 0 -5 0 1)
 *   A^T = (1 -4 -4 1 1 0), (0 -2 2 1 -1 0), (0 -1 -1 1 1 0), (0 -1 1 2 -2 1)
 *
 *   A^T [ (G g G^T) . (B^T d B) ] A  =  s s^T . Y,   s = (24, 12, 6, 6)
 *
 * The transformed inputs are -12,750 .. 17,340, the weights at most 6,272 in magnitude: both fit 16
 * bits and are multiplied two channels at a time, into sums modulo 2^32. Every s_i * s_j is 9 times
 * a power of two. So a product with the inverse of 9 modulo 2^32, times the missing power, gives
 * 64 * Y modulo 2^32, which is 64 * Y itself where |Y| < 2^25, the bias included. The condition in
 * kernels.py holds the layer's own bound against that. The rescale is double rounding into int8, as
 * in hwk_rescale_high.h.
 *
 * Of each output channel there are four words, the bias less 128 times the sum of the weights:
 *
 *   64 * bias modulo 2^32
 *   multiplier
 *   offset = (2 * zero_point + 1) << (right - 1)
 *   right = shift - 31
 */
#ifndef HWK_WINOGRAD4_H
#define HWK_WINOGRAD4_H

#include <hwk_tile_winograd.h>
#include <hwk_window.h>

#define HWK_WINOGRAD4_SIDE 4       /* outputs of a tile in a row */
#define HWK_WINOGRAD4_POSITIONS 36 /* of a transformed tile of 6x6 */
#define HWK_WINOGRAD4_SUMS (HWK_WINOGRAD4_POSITIONS * HWK_WINOGRAD_PRODUCTS)
#define HWK_WINOGRAD4_FACTORS 4 /* words of a channel */

/* Words of a transformed tile. */
HWK_INLINE int32_t hwk_winograd4_tile_words(const hwk_conv2d_t *d) {
  return HWK_WINOGRAD4_POSITIONS * d->window.channels / 2;
}

/* A place in the map of outputs that goes from tile to tile, row by row. */
typedef struct {
  int32_t y;
  int32_t x;
} hwk_winograd4_place_t;

HWK_INLINE void hwk_winograd4_next(const hwk_conv2d_t *d, hwk_winograd4_place_t *at) {
  at->x += HWK_WINOGRAD4_SIDE;
  if (at->x >= d->window.output_width) {
    at->x = 0;
    at->y += HWK_WINOGRAD4_SIDE;
  }
}

#endif
