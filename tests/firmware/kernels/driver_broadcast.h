/* Descriptors of hwk_broadcast.h, as driver.c reads the others. */
#include <hwk_broadcast.h>

static void read_broadcast_add(hwk_broadcast_add_t *d) {
  READ_PLAIN(&d->extent);
  read_numbers(d->a_strides, 4);
  read_numbers(d->b_strides, 4);
  d->subtract = read_number();
  read_numbers(d->zero_points, 2);
  read_rescale(&d->input_rescales[0]);
  read_rescale(&d->input_rescales[1]);
  read_rescale(&d->rescale);
}

static void read_broadcast_mul(hwk_broadcast_mul_t *d) {
  READ_PLAIN(&d->extent);
  read_numbers(d->a_strides, 4);
  read_numbers(d->b_strides, 4);
  read_numbers(d->zero_points, 2);
  read_rescale(&d->rescale);
}

static void read_prelu(hwk_prelu_t *d) {
  READ_PLAIN(&d->extent);
  read_numbers(d->slope_strides, 4);
  d->slopes = read_pointer();
  d->input_zero_point = read_number();
  d->slope_zero_point = read_number();
  read_rescale(&d->positive);
  read_rescale(&d->negative);
}

static void read_gather(hwk_gather_t *d) { READ_PLAIN(d); }

static void read_resize_nearest(hwk_resize_nearest_t *d) {
  d->input_width = read_number();
  d->channels = read_number();
  d->output_height = read_number();
  d->output_width = read_number();
  d->rows = read_pointer();
  d->columns = read_pointer();
}

static void read_resize_bilinear(hwk_resize_bilinear_t *d) {
  read_numbers(&d->input_height, 8);
  d->rows = read_pointer();
  d->row_weights = read_pointer();
  d->columns = read_pointer();
  d->column_weights = read_pointer();
  read_rescale(&d->rescale);
}

static void read_constant(hwk_constant_t *d) {
  d->elements = read_number();
  d->values = read_pointer();
}
