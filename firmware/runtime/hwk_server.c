#include "hwk_server.h"

#include <stddef.h>
#include <string.h>

#include "hwk_bytes.h"
#include "hwk_model.h"
#include "hwk_platform.h"
#include "hwk_profile.h"
#include "hwk_selftest.h"

#define GUARD_WORD 0x5AFEA4EAu /* not what a kernel is likely to write */
/* Where INFO's answer has the chip's identification, and the model's description. */
#define INFO_CHIP_AT 16u
#define INFO_MODEL_AT 32u

/* A request's payload and where its answer's payload goes. */
typedef struct {
  uint8_t *payload;
  uint32_t size;
  uint8_t *answer;
  uint32_t answer_bytes;
} exchange_t;

typedef enum { FROM_MODEL, INTO_MODEL } direction_t;

/* Copies a range of the string of bytes that the tensors are, one after the other; false when there
 * is no such range. */
static bool copy(const hwk_tensors_t *all, uint32_t offset, uint8_t *bytes, uint32_t size,
                 direction_t way) {
  if (offset > all->bytes || size > all->bytes - offset) {
    return false;
  }
  for (const hwk_tensor_t *tensor = all->first; size != 0; tensor++) {
    if (offset >= tensor->bytes) {
      offset -= tensor->bytes;
      continue;
    }
    const uint32_t rest = tensor->bytes - offset;
    const uint32_t part = size < rest ? size : rest;
    if (way == INTO_MODEL) {
      memcpy(tensor->data + offset, bytes, part);
    } else {
      memcpy(bytes, tensor->data + offset, part);
    }
    bytes += part;
    size -= part;
    offset = 0;
  }
  return true;
}

static uint8_t info(exchange_t *exchange) {
  const hwk_model_info_t *model = &hwk_model_info;
  const hwk_identity_t identity = hwk_platform_identity();
  uint8_t *out = exchange->answer;
  hwk_store_u32(out, HWK_PROTOCOL_VERSION | HWK_PAYLOAD_BYTES << 16);
  out[4] = (uint8_t)identity.kind;
  out[5] = (uint8_t)model->inputs.count;
  out[6] = (uint8_t)model->outputs.count;
  out[7] = (uint8_t)model->states.count;
  hwk_store_u32(out + 8, hwk_platform_clock_hz());
  hwk_store_u32(out + 12, hwk_platform_stack_size_bytes());
  memcpy(out + INFO_CHIP_AT, &identity.chip, INFO_MODEL_AT - INFO_CHIP_AT);
  memcpy(out + INFO_MODEL_AT, model->description, model->description_bytes);
  exchange->answer_bytes = INFO_MODEL_AT + model->description_bytes;
  return HWK_STATUS_OK;
}

/* Copies the request's bytes to its offset, which is at most `furthest`. */
static uint8_t write_range(const exchange_t *exchange, const hwk_tensors_t *all,
                           uint32_t furthest) {
  if (exchange->size < 4 || hwk_load_u32(exchange->payload) > furthest ||
      !copy(all, hwk_load_u32(exchange->payload), exchange->payload + 4, exchange->size - 4u,
            INTO_MODEL)) {
    return HWK_STATUS_BAD_ARGUMENT;
  }
  return HWK_STATUS_OK;
}

/* Of a streamed input the next bytes, or again the first ones. */
static uint8_t feed(hwk_server_t *server, uint32_t offset, const uint8_t *bytes, uint32_t size) {
  const hwk_model_info_t *model = &hwk_model_info;
  if ((offset != 0 && offset != server->input_bytes) || size > model->inputs.bytes - offset) {
    return HWK_STATUS_BAD_ARGUMENT;
  }
  if (offset == 0) {
    model->stream->restart();
  }
  model->stream->feed(bytes, size);
  server->input_bytes = offset + size;
  return HWK_STATUS_OK;
}

static uint8_t load_input(hwk_server_t *server, const exchange_t *exchange) {
  if (hwk_model_info.stream != NULL) {
    return exchange->size < 4 ? HWK_STATUS_BAD_ARGUMENT
                              : feed(server, hwk_load_u32(exchange->payload), exchange->payload + 4,
                                     exchange->size - 4u);
  }
  const uint8_t status = write_range(exchange, &hwk_model_info.inputs, server->input_bytes);
  if (status == HWK_STATUS_OK) {
    server->input_bytes = hwk_load_u32(exchange->payload) + exchange->size - 4u;
  }
  return status;
}

/* An invoke may overwrite the input, so each one needs a fresh load. */
static void invoke(hwk_server_t *server, uint32_t last_layer) {
  server->input_bytes = 0;
  hwk_model_invoke(last_layer);
  server->layers_run = last_layer + 1u;
}

static uint8_t infer(hwk_server_t *server, exchange_t *exchange) {
  if (exchange->size != 4 || hwk_load_u32(exchange->payload) >= hwk_model_info.layer_count) {
    return HWK_STATUS_BAD_ARGUMENT;
  }
  if (server->input_bytes != hwk_model_info.inputs.bytes) {
    return HWK_STATUS_NO_INPUT;
  }
  invoke(server, hwk_load_u32(exchange->payload));
  hwk_store_u32(exchange->answer, server->layers_run);
  exchange->answer_bytes = 4;
  return HWK_STATUS_OK;
}

/* Copies the asked range behind the `skip` bytes that the answer has already. */
static uint8_t read_range(exchange_t *exchange, const hwk_tensors_t *all, uint32_t skip) {
  if (exchange->size != 8) {
    return HWK_STATUS_BAD_ARGUMENT;
  }
  const uint32_t offset = hwk_load_u32(exchange->payload);
  const uint32_t size = hwk_load_u32(exchange->payload + 4);
  if (size > HWK_PAYLOAD_BYTES - skip ||
      !copy(all, offset, exchange->answer + skip, size, FROM_MODEL)) {
    return HWK_STATUS_BAD_ARGUMENT;
  }
  exchange->answer_bytes = skip + size;
  return HWK_STATUS_OK;
}

static uint8_t read_output(const hwk_server_t *server, exchange_t *exchange) {
  if (server->layers_run != hwk_model_info.layer_count) {
    return HWK_STATUS_NO_OUTPUT;
  }
  return read_range(exchange, &hwk_model_info.outputs, 0);
}

static uint8_t read_layer(const hwk_server_t *server, exchange_t *exchange) {
  if (server->layers_run == 0) {
    return HWK_STATUS_NO_OUTPUT;
  }
  hwk_tensor_t tensor = {NULL, 0};
  tensor.data = (int8_t *)hwk_model_layer_output(server->layers_run - 1u, &tensor.bytes);
  if (tensor.data == NULL) {
    return HWK_STATUS_NO_OUTPUT;
  }
  const hwk_tensors_t one = {&tensor, 1, tensor.bytes};
  hwk_store_u32(exchange->answer, tensor.bytes);
  return read_range(exchange, &one, 4);
}

static uint8_t read_cycles(exchange_t *exchange) {
  if (exchange->size != 4) {
    return HWK_STATUS_BAD_ARGUMENT;
  }
  uint32_t bytes = 0;
  for (uint32_t layer = hwk_load_u32(exchange->payload);
       layer < hwk_profile_layers() && bytes + 4u <= HWK_PAYLOAD_BYTES; layer++) {
    hwk_store_u32(exchange->answer + bytes, hwk_profile_cycles(layer));
    bytes += 4u;
  }
  exchange->answer_bytes = bytes;
  return HWK_STATUS_OK;
}

static void arm_guard(void) {
  for (uint32_t i = 0; i < HWK_GUARD_WORDS; i++) {
    hwk_arena_guard[i] = GUARD_WORD + i;
  }
}

static bool guard_intact(void) {
  uint32_t changed = 0;
  for (uint32_t i = 0; i < HWK_GUARD_WORDS; i++) {
    changed |= hwk_arena_guard[i] ^ (GUARD_WORD + i);
  }
  return changed == 0;
}

static uint8_t selftest(hwk_server_t *server, exchange_t *exchange) {
  server->input_bytes = 0;
  arm_guard();
  const uint32_t crc32 = hwk_selftest_run();
  server->layers_run = hwk_model_info.layer_count;
  if (!guard_intact()) {
    return HWK_STATUS_ARENA_OVERRUN;
  }
  hwk_store_u32(exchange->answer, hwk_model_info.selftest_crc32);
  hwk_store_u32(exchange->answer + 4, crc32);
  exchange->answer_bytes = 8;
  return HWK_STATUS_OK;
}

static uint8_t stack(exchange_t *exchange) {
  hwk_store_u32(exchange->answer, hwk_platform_stack_used_bytes());
  hwk_store_u32(exchange->answer + 4, hwk_platform_stack_size_bytes());
  exchange->answer_bytes = 8;
  return HWK_STATUS_OK;
}

static uint8_t memory_test(exchange_t *exchange) {
  uint32_t tested_bytes = 0;
  uint32_t first_address = 0;
  const uint32_t failures = hwk_platform_memory_test(&tested_bytes, &first_address);
  hwk_store_u32(exchange->answer, tested_bytes);
  hwk_store_u32(exchange->answer + 4, failures);
  hwk_store_u32(exchange->answer + 8, first_address);
  exchange->answer_bytes = 12;
  return HWK_STATUS_OK;
}

static uint8_t counter(exchange_t *exchange) {
  hwk_store_u32(exchange->answer, hwk_platform_cycles());
  exchange->answer_bytes = 4;
  return HWK_STATUS_OK;
}

static uint8_t echo(exchange_t *exchange) {
  memcpy(exchange->answer, exchange->payload, exchange->size);
  exchange->answer_bytes = exchange->size;
  return HWK_STATUS_OK;
}

static uint8_t run(hwk_server_t *server, exchange_t *exchange) {
  const hwk_model_info_t *model = &hwk_model_info;
  if (exchange->size != model->inputs.bytes || model->outputs.bytes > HWK_PAYLOAD_BYTES) {
    return HWK_STATUS_BAD_ARGUMENT;
  }
  if (model->stream != NULL) {
    feed(server, 0, exchange->payload, exchange->size);
  } else {
    copy(&model->inputs, 0, exchange->payload, exchange->size, INTO_MODEL);
  }
  invoke(server, model->layer_count - 1u);
  copy(&model->outputs, 0, exchange->answer, model->outputs.bytes, FROM_MODEL);
  exchange->answer_bytes = model->outputs.bytes;
  return HWK_STATUS_OK;
}

static uint8_t reset(void) {
  hwk_model_reset();
  return HWK_STATUS_OK;
}

static uint8_t execute(hwk_server_t *server, uint8_t command, exchange_t *exchange) {
  switch (command) {
    case HWK_COMMAND_INFO:
      return info(exchange);
    case HWK_COMMAND_LOAD_INPUT:
      return load_input(server, exchange);
    case HWK_COMMAND_INFER:
      return infer(server, exchange);
    case HWK_COMMAND_READ_OUTPUT:
      return read_output(server, exchange);
    case HWK_COMMAND_READ_CYCLES:
      return read_cycles(exchange);
    case HWK_COMMAND_READ_LAYER:
      return read_layer(server, exchange);
    case HWK_COMMAND_SELFTEST:
      return selftest(server, exchange);
    case HWK_COMMAND_STACK:
      return stack(exchange);
    case HWK_COMMAND_ECHO:
      return echo(exchange);
    case HWK_COMMAND_RUN:
      return run(server, exchange);
    case HWK_COMMAND_MEMORY_TEST:
      return memory_test(exchange);
    case HWK_COMMAND_COUNTER:
      return counter(exchange);
    case HWK_COMMAND_RESET:
      return reset();
    case HWK_COMMAND_READ_STATE:
      return read_range(exchange, &hwk_model_info.states, 0);
    case HWK_COMMAND_WRITE_STATE:
      return write_range(exchange, &hwk_model_info.states, UINT32_MAX);
    default:
      return HWK_STATUS_UNKNOWN_COMMAND;
  }
}

/* Answers without a payload, and without the kept answer; `head` is the body's first four bytes. */
static void refuse(uint32_t head, void (*put)(uint8_t byte)) {
  uint8_t body[HWK_HEADER_BYTES + HWK_CRC_BYTES] = {0};
  hwk_store_u32(body, head);
  hwk_frame_send(body, 0, put);
}

/* Executes a request whose body starts with `head` and keeps the answer. */
static void answer_request(hwk_server_t *server, uint32_t head) {
  uint8_t *request = server->receiver.body;
  exchange_t exchange = {request + HWK_HEADER_BYTES, hwk_load_u16(request + 4),
                         server->answer + HWK_HEADER_BYTES, 0};
  hwk_store_u32(server->answer, head);
  const uint8_t status = execute(server, request[0], &exchange);
  server->answer[1] = status;
  server->answer_bytes = status == HWK_STATUS_OK ? exchange.answer_bytes : 0;
}

/* Takes a readable request; whether the kept answer is the one to it. */
static bool take_request(hwk_server_t *server, uint32_t head) {
  const uint8_t *body = server->receiver.body;
  const uint32_t crc = hwk_load_u32(body + server->receiver.body_bytes - HWK_CRC_BYTES);
  const uint16_t behind = (uint16_t)(hwk_load_u16(server->answer + 2) - (head >> 16));
  const bool next = server->answered && behind == UINT16_MAX;
  /* The CRC covers sequence and payload: equal means the host did not get the answer. */
  if (server->answered && !next && crc == server->last_crc) {
    return true;
  }
  const bool begins =
      body[0] == HWK_COMMAND_INFO && (!server->answered || behind >= HWK_LATE_REQUESTS);
  if (!next && !begins) {
    return false;
  }
  answer_request(server, head);
  server->last_crc = crc;
  server->answered = true;
  return true;
}

void hwk_server_receive(hwk_server_t *server, uint8_t byte, void (*put)(uint8_t byte)) {
  const hwk_frame_event_t event = hwk_frame_receive(&server->receiver, byte);
  if (event == HWK_FRAME_PENDING) {
    return;
  }
  uint32_t head = (event == HWK_FRAME_BAD_CRC ? HWK_STATUS_BAD_CRC : HWK_STATUS_BAD_FRAME) << 8;
  if (event == HWK_FRAME_READY) {
    const uint32_t request = hwk_load_u32(server->receiver.body) & 0xFFFF00FFu;
    if (take_request(server, request)) {
      hwk_frame_send(server->answer, server->answer_bytes, put);
      return;
    }
    head = request | HWK_STATUS_LATE << 8;
  }
  refuse(head, put);
}
