// C simulation of an hls4ml project over a whole batch.
//
//   csim INPUTS OUTPUTS [TRACE LAYER SIZE ...]
//
// HWK_INPUTS and HWK_OUTPUTS list the values of each input and output. INPUTS holds float64 values,
// for each sample all inputs; OUTPUTS gets for each all outputs, and TRACE, for each sample, SIZE
// values of each LAYER in the order given. All values are integers of the network, which a float64
// holds exactly. HWK_NEXT lists for each input the output that becomes its value in the next sample,
// -1 for one that is read from INPUTS each time: a state is read there once. For every backend and
// io_type.
// One translation unit with the project: its headers take most of the time to compile.

#include "firmware/network.cpp"
#include "network_bridge.cpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

struct Traced {
  std::string layer;
  std::vector<double> values;
};

constexpr size_t SIZES[] = {HWK_INPUTS, HWK_OUTPUTS};
constexpr size_t INPUTS = sizeof(std::array{HWK_INPUTS}) / sizeof(int);
constexpr size_t PORTS = sizeof SIZES / sizeof SIZES[0];
constexpr int NEXT[INPUTS] = {HWK_NEXT};

// What the bridge takes as its argument k: a port's values; behind the ports, in the form of some
// backends, the sizes of all, which it fills in.
template <class Argument> Argument argument(double *const *ports, size_t k) {
  if constexpr (std::is_pointer_v<Argument>) {
    return ports[k];
  } else {
    static unsigned short ignored;
    return ignored;
  }
}

template <class... Arguments, size_t... K>
void call(void (*bridge)(Arguments...), double *const *ports, std::index_sequence<K...>) {
  bridge(argument<Arguments>(ports, K)...);
}

// States take what the last sample left for them.
void step(double *const *ports) {
  for (size_t k = 0; k < INPUTS; ++k)
    if (NEXT[k] >= 0)
      std::copy_n(ports[INPUTS + NEXT[k]], SIZES[k], ports[k]);
}

// The bridge that hls4ml writes for its own Python interface.
template <class... Arguments> void infer(void (*bridge)(Arguments...), double *const *ports) {
  call(bridge, ports, std::index_sequence_for<Arguments...>{});
}

FILE *open_or_leave(const char *path, const char *mode) {
  FILE *file = std::fopen(path, mode);
  if (file == nullptr) {
    std::perror(path);
    std::exit(2);
  }
  return file;
}

void write_or_leave(const double *values, size_t count, FILE *file) {
  if (std::fwrite(values, sizeof(double), count, file) != count) {
    std::perror("writing results");
    std::exit(2);
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 3 && (argc < 6 || argc % 2 != 0)) {
    std::fprintf(stderr, "usage: %s INPUTS OUTPUTS [TRACE LAYER SIZE ...]\n", argv[0]);
    return 2;
  }
  FILE *inputs = open_or_leave(argv[1], "rb");
  FILE *outputs = open_or_leave(argv[2], "wb");
  FILE *trace = argc > 3 ? open_or_leave(argv[3], "wb") : nullptr;

  std::vector<Traced> traced;
  for (int i = 4; i + 1 < argc; i += 2)
    traced.push_back({argv[i], std::vector<double>(std::strtoul(argv[i + 1], nullptr, 10))});
  std::map<std::string, void *> buffers;
  for (Traced &t : traced)
    buffers[t.layer] = t.values.data();
  nnet::trace_outputs = &buffers;
  nnet::trace_enabled = trace != nullptr;

  size_t starts[PORTS + 1] = {0};
  for (size_t k = 0; k < PORTS; ++k)
    starts[k + 1] = starts[k] + SIZES[k];
  const size_t taken = starts[INPUTS], given = starts[PORTS] - taken;
  std::vector<double> values(starts[PORTS]);
  double *ports[PORTS];
  for (size_t k = 0; k < PORTS; ++k)
    ports[k] = values.data() + starts[k];
  for (bool first = true; std::fread(values.data(), sizeof(double), taken, inputs) == taken;
       first = false) {
    if (!first)
      step(ports);
    infer(network_double, ports);
    write_or_leave(values.data() + taken, given, outputs);
    for (Traced &t : traced)
      write_or_leave(t.values.data(), t.values.size(), trace);
  }
  std::fclose(inputs);
  if (trace != nullptr && std::fclose(trace) != 0)
    return 2;
  return std::fclose(outputs) == 0 ? 0 : 2;
}
