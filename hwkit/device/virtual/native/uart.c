#define _GNU_SOURCE
#include "uart.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* "Cortex-M System Design Kit Technical Reference Manual" (DDI 0479), section 4.3. */
#define REGISTER_DATA 0x0u
#define REGISTER_STATE 0x4u
#define REGISTER_CONTROL 0x8u
#define REGISTER_BAUD_DIVIDER 0x10u
#define STATE_RX_FULL 2u
#define CONTROL_TX_ENABLE 1u
#define CONTROL_RX_ENABLE 2u

#define WAIT_MS 20

void hwk_uart_open(hwk_uart_t *uart, int listener) {
  uart->listener = listener;
  uart->client = -1;
  hwk_uart_reset(uart);
}

void hwk_uart_reset(hwk_uart_t *uart) {
  uart->control = 0;
  uart->baud_divider = 0;
  uart->received_bytes = 0;
  uart->read_bytes = 0;
  uart->to_send_bytes = 0;
  uart->polled = false;
}

static void hang_up(hwk_uart_t *uart) {
  close(uart->client);
  uart->client = -1;
  uart->to_send_bytes = 0;
}

/* Sends all that waits. A client that takes nothing for a whole wait, with the kernel's buffers
 * full, has hung: it is dropped, so that it cannot hold the board up. */
static void flush(hwk_uart_t *uart) {
  uint32_t sent = 0;
  while (uart->client >= 0 && sent < uart->to_send_bytes) {
    const ssize_t count = send(uart->client, uart->to_send + sent, uart->to_send_bytes - sent,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      sent += (uint32_t)count;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      struct pollfd writable = {uart->client, POLLOUT, 0};
      if (poll(&writable, 1, WAIT_MS) == 0) {
        hang_up(uart);
      }
    } else if (errno != EINTR) {
      hang_up(uart);
    }
  }
  uart->to_send_bytes = 0;
}

static void accept_client(hwk_uart_t *uart) {
  uart->client = accept4(uart->listener, NULL, NULL, SOCK_CLOEXEC);
  if (uart->client >= 0) {
    const int on = 1;
    setsockopt(uart->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
}

static void receive(hwk_uart_t *uart) {
  const ssize_t count =
      recv(uart->client, uart->received, sizeof uart->received, MSG_DONTWAIT);
  uart->read_bytes = 0;
  uart->received_bytes = count > 0 ? (uint32_t)count : 0;
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
    hang_up(uart);
  }
}

static void refill(hwk_uart_t *uart) {
  flush(uart);
  struct pollfd readable = {uart->client >= 0 ? uart->client : uart->listener, POLLIN, 0};
  if (poll(&readable, 1, WAIT_MS) <= 0) {
    return;
  }
  if (uart->client >= 0) {
    receive(uart);
  } else {
    accept_client(uart);
  }
}

bool hwk_uart_has_byte(hwk_uart_t *uart) {
  if (uart->read_bytes == uart->received_bytes && uart->polled) {
    refill(uart);
  }
  uart->polled = true;
  return uart->read_bytes < uart->received_bytes;
}

uint8_t hwk_uart_receive(hwk_uart_t *uart) {
  uart->polled = false;
  return uart->read_bytes < uart->received_bytes ? uart->received[uart->read_bytes++] : 0;
}

void hwk_uart_send(hwk_uart_t *uart, uint8_t byte) {
  uart->polled = false;
  uart->to_send[uart->to_send_bytes++] = byte;
  if (uart->to_send_bytes == sizeof uart->to_send) {
    flush(uart);
  }
}

uint32_t hwk_uart_read(hwk_uart_t *uart, uint32_t offset) {
  switch (offset) {
    case REGISTER_DATA:
      return hwk_uart_receive(uart);
    case REGISTER_STATE:
      if ((uart->control & CONTROL_RX_ENABLE) == 0) {
        return 0;
      }
      return hwk_uart_has_byte(uart) ? STATE_RX_FULL : 0;
    case REGISTER_CONTROL:
      return uart->control;
    case REGISTER_BAUD_DIVIDER:
      return uart->baud_divider;
    default:
      return 0;
  }
}

void hwk_uart_write(hwk_uart_t *uart, uint32_t offset, uint32_t value) {
  switch (offset) {
    case REGISTER_DATA:
      if ((uart->control & CONTROL_TX_ENABLE) != 0) {
        hwk_uart_send(uart, (uint8_t)value);
      }
      break;
    case REGISTER_CONTROL:
      uart->control = value & 0x7Fu;
      break;
    case REGISTER_BAUD_DIVIDER:
      uart->baud_divider = value & 0xFFFFFu;
      break;
    default:
      break;
  }
}
