/* The cycles of an execution, run of code by run of code: each costs its own, and what the core loses
 * on the way to it. */
#ifndef HWK_FLOW_H
#define HWK_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "cost.h"

/* A straight run of code; `counter` is the branch predictor's for the branch at its end, `crosses`
 * whether it begins with an instruction of 32 bits that is not aligned to them. */
typedef struct {
  uint64_t address;
  uint32_t bytes;
  hwk_cost_t cost;
  uint8_t counter;
  bool crosses;
} hwk_run_t;

/* `backward` is the end of the run whose backward branch was the last one taken, 0 for none. */
typedef struct {
  const hwk_cost_model_t *model;
  hwk_run_t *last;
  uint64_t backward;
} hwk_flow_t;

/* A run of the `bytes` at `code`, which the guest has at `address`. */
hwk_run_t hwk_run(const hwk_cost_model_t *model, const uint8_t *code, uint64_t address,
                  uint32_t bytes);

/* Forgets where execution came from. */
void hwk_flow_restart(hwk_flow_t *flow);

/* Cycles of the way from the last run to this one, which becomes the last. */
uint32_t hwk_flow_enter(hwk_flow_t *flow, hwk_run_t *run);

#endif
