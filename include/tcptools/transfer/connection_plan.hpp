// Decides how many connections a sender should have: more only where the network is what is waited for, and for as long
// as more bring something. No I/O, no clock of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace tcptools::transfer {

class connection_plan {
 public:
  using clock = std::chrono::steady_clock;

  // What is seen of all connections together.
  struct sight {
    std::uint64_t acknowledged = 0;           // bytes so far
    std::chrono::microseconds round_trip{0};  // smoothed; 0: not known
    bool waits_for_network = false;           // rather than for the source, or for the receiver's disk
  };

  // Up to `most` in all: at once, or if they are worth it.
  connection_plan(unsigned most, bool at_once) noexcept : most_{most}, wanted_{at_once ? most : 1} {}

  // Tells what is seen now that there is something to send; to be told often, at least every look_every.
  void on_sight(const sight& seen, clock::time_point now);
  static constexpr std::chrono::milliseconds look_every{50};

  // How many connections there should be.
  [[nodiscard]] unsigned wanted() const noexcept { return wanted_; }
  // That will not change any more.
  [[nodiscard]] bool is_settled() const noexcept { return settled_ || wanted_ == most_; }

 private:
  struct mark {
    clock::time_point when;
    std::uint64_t acknowledged = 0;
  };

  void judge(double rate, clock::time_point now);

  unsigned most_;
  unsigned wanted_;
  bool settled_ = false;
  std::chrono::microseconds round_trip_{0};  // the shortest so far: queues on the way make it longer
  std::optional<mark> begin_;                // of what is measured now
  double rate_before_ = 0;                   // bytes a second, before the last step
  clock::time_point stepped_at_;
};

}  // namespace tcptools::transfer
