/* Frames on the wire: COBS, length cap, CRC. See hwk_protocol.h for the layout. */
#ifndef HWK_FRAME_H
#define HWK_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "hwk_protocol.h"

typedef enum {
  HWK_FRAME_PENDING, /* no frame ended with this byte */
  HWK_FRAME_READY,   /* a good frame lies in the body */
  HWK_FRAME_BAD_CRC,
  HWK_FRAME_BAD /* too long, too short, cut short, or the lengths disagree */
} hwk_frame_event_t;

/* Receiver; all zero is its initial state.
 *
 * body       decoded bytes so far; after HWK_FRAME_READY header, payload and CRC
 * body_bytes how many
 * run        COBS data bytes still to come before the next code byte
 * owes_zero  that code byte stands for a zero (its predecessor was below 0xFF)
 * overflow   the frame is longer than the cap; the rest is skipped
 */
typedef struct {
  uint8_t body[HWK_BODY_BYTES];
  uint32_t body_bytes;
  uint32_t run;
  bool started;
  bool owes_zero;
  bool overflow;
} hwk_frame_receiver_t;

/* Takes one byte from the wire. The body stays valid until the next call. */
hwk_frame_event_t hwk_frame_receive(hwk_frame_receiver_t *receiver, uint8_t byte);

/* Fills in payload_bytes and the CRC of a body (HWK_BODY_BYTES long; command, status, sequence
 * and payload are there already) and sends it. payload_bytes <= HWK_PAYLOAD_BYTES. */
void hwk_frame_send(uint8_t *body, uint32_t payload_bytes, void (*put)(uint8_t byte));

#endif
