/* A CMSDK UART whose other end is a TCP socket. */
#ifndef HWK_UART_H
#define HWK_UART_H

#include <stdbool.h>
#include <stdint.h>

#define HWK_UART_BUFFER_BYTES 65536u

/* listener  listening socket; one client at a time is served, the next waits in its backlog
 * client    its connection, -1 when there is none
 * polled    the guest's last access was a look at the state: it is waiting for something */
typedef struct {
  int listener;
  int client;
  bool polled;
  uint32_t control;
  uint32_t baud_divider;
  uint32_t received_bytes;
  uint32_t read_bytes;
  uint32_t to_send_bytes;
  uint8_t received[HWK_UART_BUFFER_BYTES];
  uint8_t to_send[HWK_UART_BUFFER_BYTES];
} hwk_uart_t;

void hwk_uart_open(hwk_uart_t *uart, int listener);

/* Registers back to their reset values and both buffers empty; the connection stays. */
void hwk_uart_reset(hwk_uart_t *uart);

/* Register access; `offset` from the UART's base. A second look in a row at the state of a UART
 * that has nothing to read first sends what is waiting, then sleeps until a byte comes, at most
 * 20 ms: a guest that polls for input costs no time, one that writes is not held up. */
uint32_t hwk_uart_read(hwk_uart_t *uart, uint32_t offset);
void hwk_uart_write(hwk_uart_t *uart, uint32_t offset, uint32_t value);

/* The same without registers, for a guest whose console ends here: whether a byte is there,
 * waiting as above; the next byte, 0 when there is none; one more to send. */
bool hwk_uart_has_byte(hwk_uart_t *uart);
uint8_t hwk_uart_receive(hwk_uart_t *uart);
void hwk_uart_send(hwk_uart_t *uart, uint8_t byte);

#endif
