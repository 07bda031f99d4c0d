#include "flow.h"

#include <stddef.h>

#define WEAKLY_NOT_TAKEN 1u
#define WEAKLY_TAKEN 2u
#define STRONGLY_TAKEN 3u

hwk_run_t hwk_run(const hwk_cost_model_t *model, const uint8_t *code, uint64_t address,
                  uint32_t bytes) {
  /* RV32's wide instructions end in two ones; nobody asks this of Thumb. */
  const bool crosses = (address & 2u) != 0 && bytes >= 4u && (code[0] & 3u) == 3u;
  return (hwk_run_t){address, bytes, model->cost(code, bytes), WEAKLY_NOT_TAKEN, crosses};
}

void hwk_flow_restart(hwk_flow_t *flow) {
  flow->last = NULL;
  flow->backward = 0;
}

static uint32_t by_counter(const hwk_flow_t *flow, hwk_run_t *last, bool taken) {
  const bool predicted = last->counter >= WEAKLY_TAKEN;
  if (taken && last->counter < STRONGLY_TAKEN) {
    last->counter++;
  } else if (!taken && last->counter > 0) {
    last->counter--;
  }
  return predicted == taken ? 0 : flow->model->mispredicted_cycles;
}

static uint32_t by_last_backward(hwk_flow_t *flow, const hwk_run_t *last, const hwk_run_t *run,
                                 bool taken) {
  if (!last->cost.conditional) {
    return taken ? last->cost.taken_cycles + run->crosses : 0;
  }
  const uint64_t end = last->address + last->bytes;
  const bool predicted = flow->backward == end;
  if (taken && run->address < end) {
    flow->backward = end;
  } else if (!taken && predicted) {
    flow->backward = 0;
  }
  const uint32_t wrong = predicted == taken ? 0 : flow->model->mispredicted_cycles;
  return wrong + (taken && !predicted && run->crosses);
}

uint32_t hwk_flow_enter(hwk_flow_t *flow, hwk_run_t *run) {
  hwk_run_t *last = flow->last;
  flow->last = run;
  if (last == NULL) {
    return 0;
  }
  const bool taken = run->address != last->address + last->bytes;
  switch (flow->model->prediction) {
    case HWK_COUNTERS:
      return by_counter(flow, last, taken);
    case HWK_LAST_BACKWARD:
      return by_last_backward(flow, last, run, taken);
    default:
      return taken ? last->cost.taken_cycles : 0;
  }
}
