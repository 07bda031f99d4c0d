// C simulation of an hls4ml project over a whole batch.
//
//   csim INPUTS OUTPUTS [TRACE LAYER SIZE ...]
//
// INPUTS holds float64 values, HWK_INPUTS for each sample; OUTPUTS gets HWK_OUTPUTS for each, and
// TRACE, for each sample, SIZE values of each LAYER in the order given. All values are integers of
// the network, which a float64 holds exactly. For every backend and io_type.
// One translation unit with the project: its headers take most of the time to compile.

#include "firmware/network.cpp"
#include "network_bridge.cpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace {

struct Traced {
    std::string layer;
    std::vector<double> values;
};

// The bridge that hls4ml writes for its own Python interface, in the forms of its backends.
void infer(void (*bridge)(double *, double *), double *x, double *y) { bridge(x, y); }

void infer(void (*bridge)(double *, double *, unsigned short &, unsigned short &), double *x,
           double *y) {
    unsigned short inputs = 0, outputs = 0;
    bridge(x, y, inputs, outputs);
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

    static double x[HWK_INPUTS];
    static double y[HWK_OUTPUTS];
    while (std::fread(x, sizeof(double), HWK_INPUTS, inputs) == HWK_INPUTS) {
        infer(network_double, x, y);
        write_or_leave(y, HWK_OUTPUTS, outputs);
        for (Traced &t : traced)
            write_or_leave(t.values.data(), t.values.size(), trace);
    }
    std::fclose(inputs);
    if (trace != nullptr && std::fclose(trace) != 0)
        return 2;
    return std::fclose(outputs) == 0 ? 0 : 2;
}
