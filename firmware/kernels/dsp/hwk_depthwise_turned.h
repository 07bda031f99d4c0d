/* A map of one column as one of one row, kernels alike: the same bytes. */
#ifndef HWK_DEPTHWISE_TURNED_H
#define HWK_DEPTHWISE_TURNED_H

#include <hwk_depthwise_strips.h>

HWK_INLINE hwk_depthwise_conv2d_t hwk_depthwise_turned(const hwk_depthwise_conv2d_t *d) {
  hwk_depthwise_conv2d_t turned = *d;
  const hwk_window_t *from = &d->window;
  hwk_window_t *w = &turned.window;
  w->input_height = from->input_width;
  w->input_width = from->input_height;
  w->output_height = from->output_width;
  w->output_width = from->output_height;
  w->kernel_height = from->kernel_width;
  w->kernel_width = from->kernel_height;
  w->stride_height = from->stride_width;
  w->stride_width = from->stride_height;
  w->dilation_height = from->dilation_width;
  w->dilation_width = from->dilation_height;
  w->padding_top = from->padding_left;
  w->padding_left = from->padding_top;
  return turned;
}

#endif
