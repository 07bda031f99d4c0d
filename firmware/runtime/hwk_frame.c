#include "hwk_frame.h"

#include "hwk_bytes.h"
#include "hwk_crc32.h"

#define COBS_LONGEST_RUN 254u

static void append(hwk_frame_receiver_t *receiver, uint8_t byte) {
  if (receiver->body_bytes == HWK_BODY_BYTES) {
    receiver->overflow = true;
    return;
  }
  receiver->body[receiver->body_bytes++] = byte;
}

static hwk_frame_event_t check(const hwk_frame_receiver_t *receiver) {
  const uint32_t size = receiver->body_bytes;
  if (receiver->overflow || receiver->run != 0 || size < HWK_HEADER_BYTES + HWK_CRC_BYTES) {
    return HWK_FRAME_BAD;
  }
  const uint32_t covered = size - HWK_CRC_BYTES;
  if (hwk_crc32(0, receiver->body, covered) != hwk_load_u32(receiver->body + covered)) {
    return HWK_FRAME_BAD_CRC;
  }
  if (HWK_HEADER_BYTES + (uint32_t)hwk_load_u16(receiver->body + 4) != covered) {
    return HWK_FRAME_BAD;
  }
  return HWK_FRAME_READY;
}

hwk_frame_event_t hwk_frame_receive(hwk_frame_receiver_t *receiver, uint8_t byte) {
  if (byte == 0) {
    const hwk_frame_event_t event = receiver->started ? check(receiver) : HWK_FRAME_PENDING;
    receiver->started = false;
    return event;
  }
  if (!receiver->started) {
    receiver->started = true;
    receiver->owes_zero = false;
    receiver->overflow = false;
    receiver->body_bytes = 0;
    receiver->run = 0;
  }
  if (receiver->run != 0) {
    receiver->run--;
    append(receiver, byte);
    return HWK_FRAME_PENDING;
  }
  if (receiver->owes_zero) {
    append(receiver, 0);
  }
  receiver->run = byte - 1u;
  receiver->owes_zero = byte != COBS_LONGEST_RUN + 1u;
  return HWK_FRAME_PENDING;
}

/* Bytes before the next zero, at most a COBS run. */
static uint32_t run_length(const uint8_t *data, uint32_t size) {
  const uint32_t limit = size < COBS_LONGEST_RUN ? size : COBS_LONGEST_RUN;
  uint32_t length = 0;
  while (length < limit && data[length] != 0) {
    length++;
  }
  return length;
}

void hwk_frame_send(uint8_t *body, uint32_t payload_bytes, void (*put)(uint8_t byte)) {
  const uint32_t covered = HWK_HEADER_BYTES + payload_bytes;
  const uint32_t size = covered + HWK_CRC_BYTES;
  hwk_store_u16(body + 4, (uint16_t)payload_bytes);
  hwk_store_u32(body + covered, hwk_crc32(0, body, covered));
  uint32_t at = 0;
  bool more = true;
  while (more) {
    const uint32_t run = run_length(body + at, size - at);
    put((uint8_t)(run + 1u));
    for (uint32_t i = 0; i < run; i++) {
      put(body[at + i]);
    }
    at += run;
    /* A run that ended at a zero stands for that zero; a full run stands for nothing. */
    more = at < size;
    if (more && run < COBS_LONGEST_RUN) {
      at++;
    }
  }
  put(0);
}
