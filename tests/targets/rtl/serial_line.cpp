// hwk_serial on its pins: standard input goes in bit by bit, what it sends comes out.
//
// argv: cycles of a bit, bytes to expect. Exit code 1 when they don't come.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "Vhwk.h"
#include "verilated.h"

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  const long divider = std::atol(argv[1]);
  const std::size_t expected = std::strtoul(argv[2], nullptr, 10);
  std::vector<bool> line;
  for (int byte; (byte = std::getchar()) != EOF;) {
    line.push_back(false);
    for (int bit = 0; bit < 8; bit++)
      line.push_back(byte >> bit & 1);
    line.push_back(true);
  }
  const auto model = std::make_unique<Vhwk>();
  model->locked = 1;
  std::vector<std::uint8_t> sent;
  const long start = 4096; // the reset is over
  long left = -1;          // cycles to the middle of the next bit of a byte on its way out
  int bits = 0, shifted = 0;
  for (long cycle = 0; cycle < 4000000 && sent.size() < expected; cycle++) {
    const long at = (cycle - start) / divider;
    const bool level = cycle < start || at >= static_cast<long>(line.size()) || line[at];
    model->rx = level;
    model->clk = 1;
    model->eval();
    model->clk = 0;
    model->eval();
    if (cycle < start)
      continue;
    if (left < 0 && !model->tx) {
      left = divider + divider / 2 - 1;
      bits = 0;
    } else if (left == 0) {
      if (bits < 8) {
        shifted = shifted >> 1 | model->tx << 7;
        bits++;
        left = divider - 1;
      } else {
        if (!model->tx)
          return 2; // no stop bit
        sent.push_back(static_cast<std::uint8_t>(shifted));
        left = -1;
      }
    } else if (left > 0) {
      left--;
    }
  }
  std::fwrite(sent.data(), 1, sent.size(), stdout);
  return sent.size() == expected ? 0 : 1;
}
