/* 2-D convolution, int8 weights in pairs (hwk_h8.h): 2x4 register tiles, rescale and store among
 * them. Of the descriptor's tables only `weights` is there, a stream with everything in it;
 * fits.py says which layers can be computed so. */
#ifndef HWK_CONV2D_S8_H8_H
#define HWK_CONV2D_S8_H8_H

#include <hwk_columns_h8.h>
#include <hwk_tile_2x2_h8.h>

HWK_INLINE int32_t hwk_h8_padded_taps(const hwk_conv2d_t *d) {
  const hwk_window_t *w = &d->window;
  return hwk_round_up(w->kernel_height * w->kernel_width * w->channels, 4);
}

/* Four columns, and a patch of bytes, a word longer, when channels are no multiple of 4. */
HWK_INLINE size_t hwk_conv2d_s8_h8_scratch_bytes(const hwk_conv2d_t *d) {
  int32_t padded = hwk_h8_padded_taps(d);
  return (size_t)(8 * padded + (d->window.channels % 4 == 0 ? 0 : padded + 4));
}

/* How many pixels, from the first one on, can be read where they lie, whole words at a time: those of
 * a kernel of one tap, each of which is an output. What lies behind a pixel meets weights of zero;
 * only behind the last one there may be nothing to read. */
HWK_INLINE int32_t hwk_h8_in_place(const hwk_window_t *w) {
  int pointwise = w->kernel_height * w->kernel_width == 1 &&
                  w->stride_height * w->stride_width == 1 && w->padding_top == 0 &&
                  w->padding_left == 0 && w->output_width == w->input_width;
  int32_t room = w->input_height * w->input_width * w->channels - hwk_round_up(w->channels, 4);
  return pointwise ? hwk_min(w->output_height * w->output_width, room / w->channels + 1) : 0;
}

/* One copy for all layers of a network: what a layer's own sizes would save in the loops here is
 * little beside the products, and a copy a layer is a thousand bytes each. */
HWK_NOINLINE void hwk_h8_conv2d(const hwk_conv2d_t *d, const int8_t *input, int8_t *output,
                                int32_t *columns) {
  const hwk_window_t *w = &d->window;
  int32_t pixels = w->output_height * w->output_width, in_place = hwk_h8_in_place(w);
  int32_t y = 0, x = 0;
  hwk_h8_inside_t inside = hwk_h8_inside(w);
  hwk_h8_pixels_t four;
  four.end = columns + 2 * hwk_h8_padded_taps(d);
  for (int32_t left = pixels; left > 0; left -= HWK_H8_PIXELS) {
    int32_t there = hwk_min(left, HWK_H8_PIXELS);
    /* An output that is not there has its neighbour's place, which is written later. */
    for (int32_t n = 0; n < HWK_H8_PIXELS; ++n) {
      four.output[n] = output;
      output += n + 1 < there ? d->output_channels : 0;
    }
    output += d->output_channels;
    if (in_place >= HWK_H8_PIXELS) {
      hwk_h8_widen_pixels(columns, input + (y * w->output_width + x) * w->channels, w->channels);
      in_place -= HWK_H8_PIXELS;
      x += HWK_H8_PIXELS;
#pragma GCC unroll 1
      for (; x >= w->output_width; x -= w->output_width) {
        ++y;
      }
    } else {
#pragma GCC unroll 1
      for (int32_t n = 0, count; n < there; n += count) {
        int8_t *patch = (int8_t *)four.end;
        int32_t most = hwk_min(w->output_width - x, there - n);
        count = hwk_h8_gather(d, &inside, input, y, x, most, columns + n, patch);
        x = x + count == w->output_width ? 0 : x + count;
        y += x == 0;
      }
    }
    if (there == 1) {
      hwk_h8_channels_of_one(columns, d->weights, d->output_channels, &four);
    } else if (there == 2) {
      hwk_h8_channels_of_two(columns, d->weights, d->output_channels, &four);
    } else {
      hwk_h8_channels(columns, d->weights, d->output_channels, &four);
    }
  }
}

HWK_INLINE void hwk_conv2d_s8_h8(const hwk_conv2d_t *d, const int8_t *input, void *output,
                                 void *scratch) {
  hwk_h8_conv2d(d, input, output, scratch);
}

#endif
