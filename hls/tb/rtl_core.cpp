// Runs inferences through a core, one after the other without a pause, and counts cycles.
//
//   sim IN_ELEMENTS IN_BITS IN_BEATS OUT_ELEMENTS OUT_BITS OUT_SIGNED OUT_BEATS
//       INPUTS OUTPUTS STAMPS SEED [+taps=FOLDER] [+fifos] [+interrupted=BEATS]
//
// INPUTS holds int32, IN_ELEMENTS * IN_BEATS for each inference; OUTPUTS gets int32. STAMPS gets
// three uint64 for each inference: the cycles of its first beat in, last beat in, last beat out.
// SEED above 0 makes both sides wait at random, half of the time. With +interrupted so many beats go
// in first and a reset cuts them short. Exit code 1 when nothing has moved for a long time.

#include "Vhwk.h"
#include "verilated.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

double sc_time_stamp() { return 0; }

namespace {

constexpr uint64_t PATIENCE = 1000000; // cycles without a beat

// Ports are integers up to 64 bits and arrays of 32-bit words above.
template <class Port> uint32_t word(const Port &port, size_t index) {
    return static_cast<uint32_t>(static_cast<uint64_t>(port) >> (32 * index));
}

template <std::size_t N> uint32_t word(const VlWide<N> &port, size_t index) {
    return port.m_storage[index];
}

template <class Port> void put(Port &port, const uint32_t *words, size_t count) {
    uint64_t value = words[0];
    if (count > 1) value |= static_cast<uint64_t>(words[1]) << 32;
    port = static_cast<Port>(value);
}

template <std::size_t N> void put(VlWide<N> &port, const uint32_t *words, size_t count) {
    for (size_t k = 0; k < count; ++k) port.m_storage[k] = words[k];
}

struct Shape {
    size_t elements, bits, beats;
    bool is_signed;
    size_t words() const { return (elements * bits + 31) / 32; }
};

// An element's bits may lie in two words.
void pack(const Shape &shape, const int32_t *values, std::vector<uint32_t> &beat) {
    beat.assign(shape.words() + 1, 0);
    const uint64_t mask = (uint64_t{1} << shape.bits) - 1;
    for (size_t k = 0; k < shape.elements; ++k) {
        const size_t at = k * shape.bits;
        const uint64_t bits = (static_cast<uint64_t>(static_cast<int64_t>(values[k])) & mask)
                              << (at % 32);
        beat[at / 32] |= static_cast<uint32_t>(bits);
        beat[at / 32 + 1] |= static_cast<uint32_t>(bits >> 32);
    }
}

template <class Port> int32_t element(const Shape &shape, const Port &port, size_t index) {
    const size_t at = index * shape.bits;
    uint64_t bits = word(port, at / 32);
    if (at % 32 + shape.bits > 32) bits |= static_cast<uint64_t>(word(port, at / 32 + 1)) << 32;
    bits = bits >> (at % 32) << (64 - shape.bits);
    return static_cast<int32_t>(shape.is_signed ? static_cast<int64_t>(bits) >> (64 - shape.bits)
                                                : bits >> (64 - shape.bits));
}

std::vector<int32_t> read(const char *path) {
    std::vector<int32_t> values;
    FILE *file = std::fopen(path, "rb");
    if (!file) return values;
    std::fseek(file, 0, SEEK_END);
    values.resize(static_cast<size_t>(std::ftell(file)) / sizeof(int32_t));
    std::rewind(file);
    if (std::fread(values.data(), sizeof(int32_t), values.size(), file) != values.size())
        values.clear();
    std::fclose(file);
    return values;
}

template <class Value> bool write(const char *path, const std::vector<Value> &values) {
    FILE *file = std::fopen(path, "wb");
    if (!file) return false;
    const bool all = std::fwrite(values.data(), sizeof(Value), values.size(), file) == values.size();
    return std::fclose(file) == 0 && all;
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 12) return 2;
    auto number = [&](int index) { return std::strtoull(argv[index], nullptr, 10); };
    const Shape in{number(1), number(2), number(3), false};
    const Shape out{number(4), number(5), number(7), number(6) != 0};
    const std::vector<int32_t> inputs = read(argv[8]);
    const uint64_t seed = number(11);
    const size_t inferences = inputs.size() / (in.elements * in.beats);

    auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
    auto top = std::make_unique<Vhwk>(context.get());
    std::mt19937_64 random(seed);
    auto waits = [&] { return seed != 0 && (random() & 1) != 0; };

    std::vector<int32_t> outputs;
    std::vector<uint64_t> stamps(3 * inferences);
    std::vector<uint32_t> beat;
    outputs.reserve(inferences * out.elements * out.beats);
    const size_t beats_in = inferences * in.beats, beats_out = inferences * out.beats;
    size_t sent = 0, taken = 0;
    bool offered = false;
    uint64_t cycle = 0, moved = 0;

    auto reset = [&] {
        top->rst = 1;
        top->s_valid = 0;
        top->m_ready = 0;
        for (int k = 0; k < 4; ++k) {
            top->clk = 0;
            top->eval();
            top->clk = 1;
            top->eval();
        }
        top->rst = 0;
    };
    reset();
    const char *plus = context->commandArgsPlusMatch("interrupted=");
    const size_t interrupted = *plus ? std::strtoull(std::strchr(plus, '=') + 1, nullptr, 10) : 0;
    for (size_t k = 0; k < std::min(interrupted, beats_in);) {
        pack(in, &inputs[k * in.elements], beat);
        put(top->s_data, beat.data(), in.words());
        top->s_valid = 1;
        top->m_ready = 1;
        top->clk = 0;
        top->eval();
        k += top->s_ready;
        top->clk = 1;
        top->eval();
    }
    if (interrupted != 0) reset();
    while (taken < beats_out && cycle - moved < PATIENCE) {
        if (!offered && sent < beats_in && !waits()) {
            pack(in, &inputs[sent * in.elements], beat);
            put(top->s_data, beat.data(), in.words());
            offered = true;
        }
        top->s_valid = offered;
        top->m_ready = !waits();
        top->clk = 0;
        top->eval();
        if (offered && top->s_ready) {
            const size_t inference = sent / in.beats;
            if (sent % in.beats == 0) stamps[3 * inference] = cycle;
            if (++sent % in.beats == 0) stamps[3 * inference + 1] = cycle;
            offered = false;
            moved = cycle;
        }
        if (top->m_valid && top->m_ready) {
            for (size_t k = 0; k < out.elements; ++k)
                outputs.push_back(element(out, top->m_data, k));
            if (++taken % out.beats == 0) stamps[3 * (taken / out.beats - 1) + 2] = cycle;
            moved = cycle;
        }
        top->clk = 1;
        top->eval();
        ++cycle;
        context->time(cycle);
    }
    top->final();
    if (!write(argv[9], outputs) || !write(argv[10], stamps)) return 2;
    return taken == beats_out ? 0 : 1;
}
