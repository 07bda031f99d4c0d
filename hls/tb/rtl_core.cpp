// Runs inferences through a core, one after the other without a pause, and counts cycles.
//
//   sim INFERENCES SEED STAMPS STREAM... [+taps=FOLDER] [+fifos]
//       [+interrupted=BEATS]
//
// A STREAM is in:ELEMENTS:BITS:BEATS:FILE or out:ELEMENTS:BITS:SIGNED:BEATS:FILE, in the order of the
// ports. A FILE holds, or gets, int32: ELEMENTS * BEATS for each inference. STAMPS gets uint64 for
// each inference: the cycles of its first beat in, of its last beat in, and of the last beat of each
// output. SEED above 0 makes every stream wait at random by itself, half of the time. With
// +interrupted so many beats go into each input first and a reset cuts them short. Exit code 1 when
// nothing has moved for a long time.

#include "Vhwk.h"
#include "verilated.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
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
  if (count > 1)
    value |= static_cast<uint64_t>(words[1]) << 32;
  port = static_cast<Port>(value);
}

template <std::size_t N> void put(VlWide<N> &port, const uint32_t *words, size_t count) {
  for (size_t k = 0; k < count; ++k)
    port.m_storage[k] = words[k];
}

// One stream of a port: its shape, its place there, its integers and how far they are.
struct Stream {
  size_t elements, bits, beats;
  bool is_signed;
  std::string file;
  size_t number, offset; // among the streams of its port, and of its data there in bits
  std::vector<int32_t> values;
  size_t moved = 0; // beats
  bool offered = false;
  size_t width() const { return elements * bits; }
};

bool get_bit(const std::vector<uint32_t> &words, size_t bit) {
  return (words[bit / 32] >> (bit % 32) & 1) != 0;
}

void set_bit(std::vector<uint32_t> &words, size_t bit, bool value) {
  const uint32_t mask = uint32_t{1} << (bit % 32);
  if (value)
    words[bit / 32] |= mask;
  else
    words[bit / 32] &= ~mask;
}

// Puts the next beat of a stream on its port.
void pack(const Stream &s, std::vector<uint32_t> &port) {
  const int32_t *values = &s.values[s.moved * s.elements];
  for (size_t k = 0; k < s.elements; ++k)
    for (size_t bit = 0; bit < s.bits; ++bit)
      set_bit(port, s.offset + k * s.bits + bit, (static_cast<int64_t>(values[k]) >> bit & 1) != 0);
}

// An element's bits may lie in two words.
template <class Port> int32_t element(const Stream &s, const Port &port, size_t index) {
  const size_t at = s.offset + index * s.bits;
  uint64_t bits = word(port, at / 32);
  if (at % 32 + s.bits > 32)
    bits |= static_cast<uint64_t>(word(port, at / 32 + 1)) << 32;
  bits = bits >> (at % 32) << (64 - s.bits);
  return static_cast<int32_t>(s.is_signed ? static_cast<int64_t>(bits) >> (64 - s.bits)
                                          : bits >> (64 - s.bits));
}

template <class Port> bool bit_of(const Port &port, size_t index) {
  return (word(port, index / 32) >> (index % 32) & 1) != 0;
}

std::vector<int32_t> read(const std::string &path) {
  std::vector<int32_t> values;
  FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return values;
  std::fseek(file, 0, SEEK_END);
  values.resize(static_cast<size_t>(std::ftell(file)) / sizeof(int32_t));
  std::rewind(file);
  if (std::fread(values.data(), sizeof(int32_t), values.size(), file) != values.size())
    values.clear();
  std::fclose(file);
  return values;
}

template <class Value> bool write(const std::string &path, const std::vector<Value> &values) {
  FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return false;
  const bool all = std::fwrite(values.data(), sizeof(Value), values.size(), file) == values.size();
  return std::fclose(file) == 0 && all;
}

// Appends the stream of a command line's word to the ins or the outs; false where it is none.
bool add_stream(const std::string &text, std::vector<Stream> &ins, std::vector<Stream> &outs) {
  const bool is_input = text.rfind("in:", 0) == 0;
  if (!is_input && text.rfind("out:", 0) != 0)
    return false;
  std::vector<size_t> numbers;
  size_t at = text.find(':') + 1;
  for (size_t k = 0; k < (is_input ? 3u : 4u); ++k) {
    numbers.push_back(std::strtoull(text.c_str() + at, nullptr, 10));
    at = text.find(':', at) + 1;
    if (at == 0)
      return false;
  }
  std::vector<Stream> &port = is_input ? ins : outs;
  Stream stream{};
  stream.elements = numbers[0];
  stream.bits = numbers[1];
  stream.is_signed = !is_input && numbers[2] != 0;
  stream.beats = numbers.back();
  stream.file = text.substr(at);
  stream.number = port.size();
  stream.offset = port.empty() ? 0 : port.back().offset + port.back().width();
  port.push_back(stream);
  return true;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 6)
    return 2;
  const size_t inferences = std::strtoull(argv[1], nullptr, 10);
  const uint64_t seed = std::strtoull(argv[2], nullptr, 10);
  std::vector<Stream> ins, outs;
  for (int k = 4; k < argc; ++k)
    if (argv[k][0] != '+' && !add_stream(argv[k], ins, outs))
      return 2;
  if (ins.empty() || outs.empty())
    return 2;
  for (Stream &in : ins) {
    in.values = read(in.file);
    if (in.values.size() != inferences * in.beats * in.elements)
      return 2;
  }
  for (Stream &out : outs)
    out.values.reserve(inferences * out.beats * out.elements);

  auto context = std::make_unique<VerilatedContext>();
  context->commandArgs(argc, argv);
  auto top = std::make_unique<Vhwk>(context.get());
  std::mt19937_64 random(seed);
  auto waits = [&] { return seed != 0 && (random() & 1) != 0; };

  const size_t per_inference = 2 + outs.size();
  std::vector<uint64_t> stamps(per_inference * inferences);
  for (size_t k = 0; k < inferences; ++k)
    stamps[per_inference * k] = UINT64_MAX;
  auto words = [](size_t bits) { return std::vector<uint32_t>(bits / 32 + 2); };
  std::vector<uint32_t> data = words(ins.back().offset + ins.back().width());
  std::vector<uint32_t> valid = words(ins.size()), ready = words(outs.size());
  auto drive = [&](auto &port, const std::vector<uint32_t> &bits, size_t count) {
    put(port, bits.data(), (count + 31) / 32);
  };
  size_t left = 0; // beats of all outputs
  for (const Stream &out : outs)
    left += inferences * out.beats;
  uint64_t cycle = 0, moved = 0;

  auto reset = [&] {
    std::fill(valid.begin(), valid.end(), 0);
    std::fill(ready.begin(), ready.end(), 0);
    top->rst = 1;
    drive(top->s_valid, valid, ins.size());
    drive(top->m_ready, ready, outs.size());
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
  if (interrupted != 0) {
    for (bool more = true; more;) {
      more = false;
      for (Stream &in : ins) {
        const bool offers = in.moved < std::min(interrupted, inferences * in.beats);
        if (offers)
          pack(in, data);
        set_bit(valid, in.number, offers);
        more = more || offers;
      }
      for (const Stream &out : outs)
        set_bit(ready, out.number, true);
      drive(top->s_data, data, ins.back().offset + ins.back().width());
      drive(top->s_valid, valid, ins.size());
      drive(top->m_ready, ready, outs.size());
      top->clk = 0;
      top->eval();
      bool taken = false;
      for (Stream &in : ins) {
        if (!get_bit(valid, in.number) || !bit_of(top->s_ready, in.number))
          continue;
        ++in.moved;
        taken = true;
      }
      moved = taken ? cycle : moved;
      more = more && ++cycle - moved < PATIENCE;
      top->clk = 1;
      top->eval();
    }
    for (Stream &in : ins)
      in.moved = 0;
    cycle = moved = 0;
    reset();
  }
  while (left > 0 && cycle - moved < PATIENCE) {
    for (Stream &in : ins) {
      if (!in.offered && in.moved < inferences * in.beats && !waits()) {
        pack(in, data);
        in.offered = true;
      }
      set_bit(valid, in.number, in.offered);
    }
    for (const Stream &out : outs)
      set_bit(ready, out.number, !waits());
    drive(top->s_data, data, ins.back().offset + ins.back().width());
    drive(top->s_valid, valid, ins.size());
    drive(top->m_ready, ready, outs.size());
    top->clk = 0;
    top->eval();
    for (Stream &in : ins) {
      if (!in.offered || !bit_of(top->s_ready, in.number))
        continue;
      uint64_t *stamp = &stamps[per_inference * (in.moved / in.beats)];
      if (in.moved % in.beats == 0 && cycle < stamp[0])
        stamp[0] = cycle;
      if (++in.moved % in.beats == 0)
        stamp[1] = cycle;
      in.offered = false;
      moved = cycle;
    }
    for (Stream &out : outs) {
      // An output that has given all may be ahead of the others.
      if (out.moved == inferences * out.beats)
        continue;
      if (!bit_of(top->m_valid, out.number) || !get_bit(ready, out.number))
        continue;
      for (size_t k = 0; k < out.elements; ++k)
        out.values.push_back(element(out, top->m_data, k));
      const size_t inference = out.moved / out.beats;
      if (++out.moved % out.beats == 0)
        stamps[per_inference * inference + 2 + out.number] = cycle;
      --left;
      moved = cycle;
    }
    top->clk = 1;
    top->eval();
    ++cycle;
    context->time(cycle);
  }
  top->final();
  for (const Stream &out : outs)
    if (!write(out.file, out.values))
      return 2;
  if (!write(argv[3], stamps))
    return 2;
  return left == 0 ? 0 : 1;
}
