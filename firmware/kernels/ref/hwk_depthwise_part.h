/* A part of a depthwise layer's output, as a layer of its own: two rows of a few columns. */
#ifndef HWK_DEPTHWISE_PART_H
#define HWK_DEPTHWISE_PART_H

#include <hwk_window.h>

/* Columns of a part: those under eight columns of the input at strides of 1 and 2. */
HWK_INLINE int32_t hwk_part_columns(const hwk_window_t *w) {
  return hwk_min(w->output_width, w->stride_width == 1 ? 8 : 4);
}

/* The part from row y and column x on. Its padding is negative where it starts inside the map. */
HWK_INLINE hwk_depthwise_conv2d_t hwk_depthwise_part(const hwk_depthwise_conv2d_t *d, int32_t y,
                                                     int32_t x) {
  hwk_depthwise_conv2d_t part = *d;
  hwk_window_t *w = &part.window;
  w->output_width = hwk_min(d->window.output_width - x, hwk_part_columns(&d->window));
  w->output_height = hwk_min(d->window.output_height - y, 2);
  w->padding_top -= y * w->stride_height;
  w->padding_left -= x * w->stride_width;
  return part;
}

/* Elements of an output row. */
HWK_INLINE int32_t hwk_part_row(const hwk_depthwise_conv2d_t *d) {
  return d->window.output_width * d->window.channels * d->channel_multiplier;
}

/* For every part, in order: two rows at a time, from left to right. */
#define HWK_FOR_PARTS(d, y, x)                               \
  for (int32_t y = 0; y < (d)->window.output_height; y += 2) \
    for (int32_t x = 0; x < (d)->window.output_width; x += hwk_part_columns(&(d)->window))

#endif
