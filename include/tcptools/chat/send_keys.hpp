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

  [[nodiscard]] std::size_t size() const noexcept { return ids_.size(); }

 private:
  struct age {
    std::string full;
    wall_time time = 0;
  };

  std::size_t most_;
  std::unordered_map<std::string, std::uint64_t> ids_;  // by ROOM NUL KEY
  std::deque<age> ages_;
};

}  // namespace tcptools::chat
