// far_link: an emulated link to far away, for kernels without the netem queue as well.
//
//   far_link [--rtt MS] [--rate MBIT] [--loss PERCENT] [--queue MS] [--seed N] NEAR FAR
//
// Makes the TUN devices NEAR and FAR and carries every packet from one to the other: with half of the round trip's
// delay, at a bounded rate, with a bounded queue that drops what is too much, and with random losses, in each direction
// by itself. Says "ready" on standard output; then each device can be moved to a network namespace of its own, so that
// TCP on both sides is the kernel's, as on a real link. Once standard input ends, the devices are gone. Needs root.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <iostream>
#include <random>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tcptools/base/unique_fd.hpp"

namespace tcptools::bench {
namespace {

using wire_clock = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;

constexpr int packets_at_once = 64;
constexpr std::chrono::nanoseconds longest_wait = std::chrono::milliseconds{50};

struct link_options {
  double round_trip_ms = 100;
  double megabits_per_second = 1000;
  double loss_percent = 0;
  double queue_ms = 100;
  unsigned seed = 1;
  std::string near;
  std::string far;
};

unique_fd make_device(const std::string& name) {
  unique_fd device{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
  if (!device) throw std::runtime_error{"cannot open /dev/net/tun: needs root"};
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (name.size() >= std::size(request.ifr_name)) throw std::runtime_error{"too long for a device: " + name};
  std::ranges::copy(name, request.ifr_name);
  if (::ioctl(device.get(), TUNSETIFF, &request) != 0) throw std::runtime_error{"cannot make the device " + name};
  return device;
}

// One direction.
class direction {
 public:
  direction(int from, int to, const link_options& options, unsigned seed)
      : from_{from}, to_{to}, options_{options}, random_{seed} {}

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      deliver_what_is_due();
      if (wait()) take();
    }
  }

 private:
  struct packet {
    wire_clock::time_point due;
    std::vector<std::byte> bytes;
  };

  static wire_clock::duration from_ms(double ms) {
    return std::chrono::duration_cast<wire_clock::duration>(milliseconds{ms});
  }

  void deliver_what_is_due() {
    const auto now = wire_clock::now();
    for (; !line_.empty() && line_.front().due <= now; line_.pop_front()) {
      const auto& bytes = line_.front().bytes;
      // A device that does not take it loses it, as networks do.
      [[maybe_unused]] const auto written = ::write(to_, bytes.data(), bytes.size());
    }
  }

  // Until a packet is due or there is one to take; whether there is.
  [[nodiscard]] bool wait() const {
    std::chrono::nanoseconds time = longest_wait;
    if (!line_.empty()) {
      const std::chrono::nanoseconds until_due = line_.front().due - wire_clock::now();
      time = std::clamp(until_due, std::chrono::nanoseconds{0}, longest_wait);
    }
    const timespec timeout{0, static_cast<long>(time.count())};
    pollfd ready{from_, POLLIN, 0};
    return ::ppoll(&ready, 1, &timeout, nullptr) > 0;
  }

  void take() {
    for (int count = 0; count < packets_at_once; ++count) {
      const auto size = ::read(from_, buffer_.data(), buffer_.size());
      if (size <= 0) return;
      carry(std::span{buffer_}.first(static_cast<std::size_t>(size)));
    }
  }

  void carry(std::span<const std::byte> bytes) {
    const auto now = wire_clock::now();
    free_from_ = std::max(free_from_, now);
    if (free_from_ - now > from_ms(options_.queue_ms)) return;
    if (options_.loss_percent > 0 && percent_(random_) < options_.loss_percent) return;
    free_from_ += from_ms(static_cast<double>(bytes.size()) * 8 / (options_.megabits_per_second * 1e3));
    line_.push_back({free_from_ + from_ms(options_.round_trip_ms / 2), {bytes.begin(), bytes.end()}});
  }

  int from_;
  int to_;
  const link_options& options_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> percent_{0, 100};
  std::deque<packet> line_;
  wire_clock::time_point free_from_;  // when the last packet has left
  std::array<std::byte, 65'536> buffer_{};
};

void run_link(const link_options& options) {
  const unique_fd near = make_device(options.near);
  const unique_fd far = make_device(options.far);
  direction there{near.get(), far.get(), options, options.seed};
  direction back{far.get(), near.get(), options, options.seed + 1};
  const std::jthread carries_there{[&](const std::stop_token& stop) { there.run(stop); }};
  const std::jthread carries_back{[&](const std::stop_token& stop) { back.run(stop); }};

  std::cout << "ready" << std::endl;
  std::array<char, 64> ignored{};
  while (::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
  }
}

int run(int argc, char** argv) {
  CLI::App app{"An emulated link between two TUN devices.", "far_link"};
  link_options options;
  app.add_option("--rtt", options.round_trip_ms, "Milliseconds there and back")->capture_default_str();
  app.add_option("--rate", options.megabits_per_second, "Mbit/s in each direction")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--loss", options.loss_percent, "Percent of the packets, in each direction")->capture_default_str();
  app.add_option("--queue", options.queue_ms, "Milliseconds that a packet may wait to be sent")->capture_default_str();
  app.add_option("--seed", options.seed, "Of what is lost")->capture_default_str();
  app.add_option("NEAR", options.near, "The device at one end")->required();
  app.add_option("FAR", options.far, "The device at the other end")->required();
  CLI11_PARSE(app, argc, argv);
  run_link(options);
  return 0;
}

}  // namespace
}  // namespace tcptools::bench

int main(int argc, char** argv) {
  try {
    return tcptools::bench::run(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "far_link: " << exception.what() << '\n';
    return 1;
  }
}
