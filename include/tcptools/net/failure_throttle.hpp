// Who has failed to prove who it is too often is not let in for a while.
#pragma once

#include <asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <vector>

namespace tcptools::net {

// Counts by origin_of(). Keeps the most blamed where there are too many.
class failure_throttle {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr int most_failures = 10;                  // at once
  static constexpr std::chrono::seconds forgiven_after{6};  // each
  static constexpr std::size_t most_addresses = 4096;

  // Whether this was the one too many: from now on the address is blocked, and was not before.
  bool note_failure(const asio::ip::address& address, time_point now);

  [[nodiscard]] bool is_blocked(const asio::ip::address& address, time_point now) const;

 private:
  struct blame {
    asio::ip::address whose;
    time_point until;  // all is forgiven
  };

  static bool is_too_much(const blame& one, time_point now);
  void make_room(time_point now);

  std::vector<blame> blamed_;  // sorted by whose
};

}  // namespace tcptools::net
