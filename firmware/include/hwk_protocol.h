/* The serial protocol: frames and commands, as docs/protocol.md has them. hwkit/device/protocol.py is
 * the other end. A frame's body, in COBS on the wire and little-endian:
 *
 *   offset 0  command         u8
 *          1  status          u8   0 in requests
 *          2  sequence        u16  chosen by the host, repeated in the answer
 *          4  payload_bytes   u16  at most HWK_PAYLOAD_BYTES
 *          6  payload
 *          .  CRC-32          u32  over all of the body before it (IEEE 802.3, as zlib.crc32)
 *
 * The host sends a request and waits for its answer; each request's sequence is the last one's plus
 * 1, modulo 2^16. A link may deliver a request twice, or late:
 *
 *   - one whose CRC and sequence repeat those of the previous one is not executed again: the
 *     previous answer is sent again;
 *   - INFO begins a session at any sequence but the last one and the HWK_LATE_REQUESTS - 1 before it,
 *     after a reset at any: a host whose states a reset took away is told so by LATE;
 *   - every other one whose sequence is not the next is not executed: HWK_STATUS_LATE.
 *
 * A frame that cannot be read is answered with command HWK_COMMAND_NONE, sequence 0 and a status that
 * says why; an empty frame (two zero bytes in a row) is ignored.
 */
#ifndef HWK_PROTOCOL_H
#define HWK_PROTOCOL_H

#include <stdint.h>

#define HWK_PROTOCOL_VERSION 2u

/* Most payload bytes of a frame; the buffers take about twice this much SRAM. */
#ifndef HWK_PAYLOAD_BYTES
#define HWK_PAYLOAD_BYTES 1024u
#endif

/* A request may be overtaken by so many others and is still known to be late. */
#define HWK_LATE_REQUESTS 256u

#define HWK_HEADER_BYTES 6u
#define HWK_CRC_BYTES 4u
#define HWK_BODY_BYTES (HWK_HEADER_BYTES + HWK_PAYLOAD_BYTES + HWK_CRC_BYTES)

/* Request payload -> answer payload. All inputs in the graph's order are one string of bytes, without
 * padding; so are all outputs, and all states. Offsets count in these. */
enum {
  HWK_COMMAND_NONE = 0,
  HWK_COMMAND_INFO = 1,         /* - -> the fields of docs/protocol.md; begins a session */
  HWK_COMMAND_LOAD_INPUT = 2,   /* u32 offset, bytes -> -; offset at most what is loaded already */
  HWK_COMMAND_INFER = 3,        /* u32 last_layer -> u32 layers run; uses the inputs up */
  HWK_COMMAND_READ_OUTPUT = 4,  /* u32 offset, u32 size -> bytes */
  HWK_COMMAND_READ_CYCLES = 5,  /* u32 first_layer -> u32 per layer, as many as fit */
  HWK_COMMAND_READ_LAYER = 6,   /* u32 offset, u32 size -> u32 total size, bytes; last one run */
  HWK_COMMAND_SELFTEST = 7,     /* - -> u32 expected CRC, u32 CRC got */
  HWK_COMMAND_STACK = 8,        /* - -> u32 most bytes used, u32 bytes reserved */
  HWK_COMMAND_ECHO = 9,         /* bytes -> the same bytes */
  HWK_COMMAND_RUN = 10,         /* all inputs -> all outputs: load, infer and read in one */
  HWK_COMMAND_MEMORY_TEST = 11, /* - -> u32 bytes tested, u32 wrong reads, u32 first address */
  HWK_COMMAND_COUNTER = 12,     /* - -> u32 the cycle counter now */
  HWK_COMMAND_RESET = 13,       /* - -> -; every state takes its initial value */
  HWK_COMMAND_READ_STATE = 14,  /* u32 offset, u32 size -> bytes */
  HWK_COMMAND_WRITE_STATE = 15  /* u32 offset, bytes -> - */
};

enum {
  HWK_STATUS_OK = 0,
  HWK_STATUS_BAD_CRC = 1,
  HWK_STATUS_BAD_FRAME = 2, /* too long, too short, or the lengths disagree */
  HWK_STATUS_UNKNOWN_COMMAND = 3,
  HWK_STATUS_BAD_ARGUMENT = 4,  /* payload of the wrong size, or a range outside the tensors */
  HWK_STATUS_NO_INPUT = 5,      /* infer before all inputs were loaded */
  HWK_STATUS_NO_OUTPUT = 6,     /* read before an infer that computed it */
  HWK_STATUS_ARENA_OVERRUN = 7, /* the self-test's run wrote behind the arena */
  HWK_STATUS_LATE = 8           /* not the next request of the session */
};

#endif
