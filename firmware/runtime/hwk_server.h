/* Answers the host's commands: one model, one serial link. */
#ifndef HWK_SERVER_H
#define HWK_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "hwk_frame.h"

/* Server; all zero is its initial state.
 *
 * answer         body of the last answer, kept to be sent again
 * answer_bytes   its payload
 * last_crc       CRC of the request that it answers
 * answered       there is such an answer
 * input_bytes    input bytes loaded since the last infer, from offset 0 without a gap
 * layers_run     layers that the last infer ran; 0 before any
 */
typedef struct {
  hwk_frame_receiver_t receiver;
  uint8_t answer[HWK_BODY_BYTES];
  uint32_t answer_bytes;
  uint32_t last_crc;
  bool answered;
  uint32_t input_bytes;
  uint32_t layers_run;
} hwk_server_t;

/* Takes one byte from the link; executes and answers the request that it completes. */
void hwk_server_receive(hwk_server_t *server, uint8_t byte, void (*put)(uint8_t byte));

#endif
