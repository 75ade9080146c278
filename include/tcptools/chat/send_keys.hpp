// Keys of messages, so that one sent again is not posted again. docs/chat-protocol.md, `key`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

// Keys of all rooms, the oldest forgotten first.
class send_keys {
 public:
  explicit send_keys(std::size_t most) noexcept : most_{most} {}

  // The id of the room's message that was sent with this key.
  [[nodiscard]] std::optional<std::uint64_t> find(std::string_view room, std::string_view key) const;
  void add(std::string_view room, std::string_view key, std::uint64_t id, wall_time now);
  // Forgets keys that are older than limits::key_life; gives the time of the oldest that counts.
  wall_time expire(wall_time now);
  void forget_room(std::string_view room);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct entry {
    std::uint64_t id = 0;
    std::uint64_t number = 0;  // of its age
  };
  struct age {
    std::string room;
    std::string key;
    std::uint64_t number = 0;
    wall_time time = 0;
  };

  void forget_oldest();

  std::size_t most_;
  std::size_t size_ = 0;
  std::uint64_t last_number_ = 0;
  std::unordered_map<std::string, std::unordered_map<std::string, entry>> rooms_;
  std::deque<age> ages_;  // also of keys whose room was forgotten
};

}  // namespace tcptools::chat
