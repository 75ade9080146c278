// Who came and went in a room, gathered so that a storm of them is a line a second. No clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

class presence {
 public:
  using clock = std::chrono::steady_clock;

  void came(const std::string& name, clock::time_point now);
  // Somebody who came and went before it was told is not told of; of a storm, only the first ones are recognised.
  void went(const std::string& name, clock::time_point now);

  // When there is something to tell.
  [[nodiscard]] std::optional<clock::time_point> due() const noexcept { return due_; }
  // What there is, without the room and the number of members; the next is due a second later at the earliest.
  [[nodiscard]] events::presence take(clock::time_point now);

 private:
  void note(std::vector<std::string>& where, const std::string& name, clock::time_point now);

  std::vector<std::string> came_;
  std::vector<std::string> went_;
  std::uint64_t more_ = 0;
  std::optional<clock::time_point> due_;
  clock::time_point told_at_;
};

}  // namespace tcptools::chat
