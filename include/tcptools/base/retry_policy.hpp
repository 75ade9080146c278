// Decides whether and when a client connects again. No clock: time comes in as an argument.
#pragma once

#include <chrono>
#include <optional>

#include "tcptools/base/error.hpp"

namespace tcptools {

// Waits grow from 250 ms by factor two to 10 s, each shortened by up to half at random so that many clients do not
// return together.
class retry_policy {
 public:
  using clock = std::chrono::steady_clock;
  using duration = std::chrono::milliseconds;

  struct settings {
    duration for_first{0};      // how long the first connection is tried for; 0: one attempt
    duration for_lost{30'000};  // how long a lost connection is tried for, from its loss
  };

  explicit retry_policy(settings chosen) noexcept : settings_{chosen} {}

  // The server was reached: from here a failure is a lost connection.
  void on_connected() noexcept { ever_connected_ = true; }
  // Something moved on: the time for the next failure counts anew.
  void on_progress() noexcept;

  // The wait before the next attempt after this failure; nothing if there is to be none. `random` is uniform in [0, 1).
  // What the other side refused, or what is wrong on either disk, is never tried again.
  [[nodiscard]] std::optional<duration> after(const error& failure, clock::time_point now, double random) noexcept;

  // Whether a failure of this kind may pass by itself.
  [[nodiscard]] static bool may_pass(errc code) noexcept;

 private:
  settings settings_;
  bool ever_connected_ = false;
  std::optional<clock::time_point> failing_since_;
  duration next_wait_{250};
};

}  // namespace tcptools
