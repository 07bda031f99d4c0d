#include "hwk_mlperf.h"
#include "hwk_model.h"
#include "hwk_platform.h"

int main(void) {
  hwk_platform_init();
  hwk_model_reset();
  hwk_mlperf_start(hwk_platform_uart_put);
  for (;;) {
    hwk_mlperf_receive(hwk_platform_uart_get(), hwk_platform_uart_put);
  }
}
