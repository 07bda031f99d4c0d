// The virtual FPGA board: module hwk_device, simulated cycle by cycle behind a TCP socket.
//
// argv[1] is the descriptor of a listening socket; one client at a time speaks the wire protocol
// there. The clock runs while the device has a request or an answer and stands still while it
// waits for the host. The process ends when standard input is closed.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "Vhwk.h"
#include "verilated.h"

namespace {

constexpr int kResetCycles = 8;
constexpr std::size_t kReadBytes = 65536;

class Device {
public:
  Device() : model_(std::make_unique<Vhwk>()) {
    model_->rst = 1;
    model_->rx_valid = 0;
    model_->tx_ready = 1;
    for (int i = 0; i < kResetCycles; i++)
      cycle();
    model_->rst = 0;
    cycle();
  }

  ~Device() { model_->final(); }

  // Runs until all of `received` is taken and the device waits for more; its answers.
  std::vector<std::uint8_t> exchange(const std::vector<std::uint8_t> &received) {
    std::vector<std::uint8_t> answers;
    std::size_t next = 0;
    while (next < received.size() || !model_->idle) {
      model_->rx_valid = next < received.size();
      model_->rx_data = model_->rx_valid ? received[next] : 0;
      model_->eval();
      const bool taken = model_->rx_valid && model_->rx_ready;
      if (model_->tx_valid)
        answers.push_back(model_->tx_data);
      cycle();
      next += taken;
    }
    model_->rx_valid = 0;
    return answers;
  }

private:
  void cycle() {
    model_->clk = 1;
    model_->eval();
    model_->clk = 0;
    model_->eval();
  }

  std::unique_ptr<Vhwk> model_;
};

bool send_all(int client, const std::vector<std::uint8_t> &data) {
  std::size_t sent = 0;
  while (sent < data.size()) {
    const ssize_t n = send(client, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

// Whether `descriptor` has something to read; ends the process with standard input.
bool wait_for(int descriptor) {
  pollfd waiting[2] = {{descriptor, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
  if (poll(waiting, 2, -1) < 0)
    return true;
  std::uint8_t ignored[64];
  if (waiting[1].revents != 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0)
    _exit(0);
  return waiting[0].revents != 0;
}

void serve(Device &device, int client) {
  std::vector<std::uint8_t> received(kReadBytes);
  for (;;) {
    if (!wait_for(client))
      continue;
    received.resize(kReadBytes);
    const ssize_t n = recv(client, received.data(), received.size(), 0);
    if (n <= 0)
      return;
    received.resize(static_cast<std::size_t>(n));
    if (!send_all(client, device.exchange(received)))
      return;
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s LISTENING_DESCRIPTOR\n", argv[0]);
    return 2;
  }
  Verilated::commandArgs(argc, argv);
  const int listener = std::atoi(argv[1]);
  Device device;
  for (;;) {
    if (!wait_for(listener))
      continue;
    const int client = accept(listener, nullptr, nullptr);
    if (client < 0) {
      std::perror("accept");
      return 3;
    }
    serve(device, client);
    close(client);
  }
}
