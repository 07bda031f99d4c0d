#include "hwk_model.h"
#include "hwk_platform.h"
#include "hwk_server.h"

static hwk_server_t server;

int main(void) {
  hwk_platform_init();
  hwk_model_reset();
  for (;;) {
    hwk_server_receive(&server, hwk_platform_uart_get(), hwk_platform_uart_put);
  }
}
