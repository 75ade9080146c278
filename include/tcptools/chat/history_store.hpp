// Where messages are kept beyond the life of a server, as the chat machine sees it. Has a fake in memory for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

struct stored_message {
  std::string room;
  std::uint64_t id = 0;
  wall_time time = 0;
  std::string from;
  std::string text;
  std::string key;  // empty: none
};

// A message's key outlives it: the message may be pruned before the key expires.
struct stored_key {
  std::string room;
  std::string key;
  std::uint64_t id = 0;
  wall_time time = 0;
};

struct stored_room {
  std::string name;
  std::string epoch;
  std::uint64_t next = 1;                // the id the next message gets
  std::vector<stored_message> messages;  // the newest, ids without gaps up to next - 1; `room` and `key` are left empty
};

struct history_contents {
  std::vector<stored_room> rooms;
  std::vector<stored_key> keys;  // oldest first
};

// What happened since the last batch. To be applied in the order of the members.
struct history_batch {
  struct room {
    std::string name;
    std::string epoch;
  };
  struct kept_from {
    std::string room;
    std::uint64_t oldest = 1;  // messages with smaller ids are forgotten
  };

  std::vector<std::string> forgotten;  // rooms, with their messages and keys
  std::vector<room> rooms;             // new ones
  std::vector<stored_message> messages;
  std::vector<kept_from> pruned;
  wall_time keys_from = 0;  // keys that are older are forgotten

  [[nodiscard]] bool empty() const noexcept {
    return forgotten.empty() && rooms.empty() && messages.empty() && pruned.empty();
  }
};

class history_store {
 public:
  history_store() = default;
  history_store(const history_store&) = delete;
  history_store& operator=(const history_store&) = delete;
  virtual ~history_store() = default;

  // All of it, durable when it returns, or nothing of it. May block. Fails with errc::storage_full, _read_only,
  // _failed.
  [[nodiscard]] virtual result<void> commit(const history_batch& batch) = 0;
};

}  // namespace tcptools::chat
