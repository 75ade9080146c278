// One session as the chat machine knows it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tcptools/chat/flood_control.hpp"
#include "tcptools/chat/line_splitter.hpp"
#include "tcptools/chat/member_rights.hpp"
#include "tcptools/chat/memory_use.hpp"
#include "tcptools/chat/outlet.hpp"
#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

struct room;

enum class language : std::uint8_t { undecided, plain, structured };

// Made and owned by whoever has the connection, who outlives its time in the machine (open() to close()).
class member {
 public:
  using clock = std::chrono::steady_clock;
  using ticket_type = std::pair<std::uint64_t, std::uint64_t>;

  // The views outlive the member: "127.0.0.1:4711" and "127.0.0.1". No rights: it has not proved who it is.
  member(memory_use& use, std::string_view peer_text, std::string_view address_text,
         std::shared_ptr<const member_rights> its_rights = nullptr, bool encrypted = false)
      : out{use},
        peer{peer_text},
        address{address_text},
        rights{std::move(its_rights)},
        is_encrypted{encrypted},
        input{use} {}
  member(const member&) = delete;
  member& operator=(const member&) = delete;
  virtual ~member() = default;

  // It may be worth asking wants_input() again, or is_closing() now.
  virtual void wake() = 0;
  // The connection is to be closed at once.
  virtual void abort() = 0;

  // What others call it: its nickname, or its address.
  [[nodiscard]] std::string_view name() const noexcept { return nick.empty() ? peer : std::string_view{nick}; }
  [[nodiscard]] bool is_guest() const noexcept { return nick.empty(); }
  [[nodiscard]] bool is_admin() const noexcept { return rights && rights->admin; }
  [[nodiscard]] bool allows_room(std::string_view room_name) const {
    return rights == nullptr || rights->allows_room(room_name);
  }
  // It speaks as one of these, and as nobody else.
  [[nodiscard]] bool has_own_nicks() const noexcept { return rights && !rights->nicks.empty(); }
  // Both have the same key or certificate, or neither has any.
  [[nodiscard]] bool has_same_owner(const member& other) const {
    if (rights == nullptr || other.rights == nullptr) return rights == other.rights;
    return rights->is_key == other.rights->is_key && rights->owner == other.rights->owner;
  }
  // `out` has its last lines; nothing it says counts any more.
  [[nodiscard]] bool is_closing() const noexcept { return closing_since.has_value(); }
  // Bytes that wait for it to read.
  [[nodiscard]] std::size_t backlog() const noexcept { return out.lag() + out.answers(); }
  // What counts as lagging: without the parts of logs that it asked for, or had yet to read when it left a room, but
  // with what is kept behind those for its sake.
  [[nodiscard]] std::size_t behind() const noexcept { return out.answers() - out.runs() + kept_for_it(); }
  // Bytes that its room's log, or one that it was told a part of, keeps for its sake.
  [[nodiscard]] std::size_t kept_for_it() const noexcept { return std::max(out.lag(), out.kept_behind_runs()); }

  outlet out;
  // The connection takes no more for now: whoever has it knows when that is over.
  bool is_blocked = false;

  // The rest is the machine's.
  const std::string_view peer;
  const std::string_view address;
  const std::shared_ptr<const member_rights> rights;  // null: it has not proved who it is
  const bool is_encrypted;
  std::string nick;
  std::string nick_before;  // in the room it is in
  line_splitter in;
  memory_share input;
  std::uint64_t number = 0;
  ticket_type ticket;
  room* where = nullptr;
  std::size_t place = 0;  // in the room's list
  flood_control flood;
  std::uint32_t uncommitted = 0;  // messages that wait for the disk
  language speaks = language::undecided;
  bool presence = true;
  bool is_first_line = true;
  bool is_pinged = false;
  bool is_at_end = false;  // it has closed its direction
  bool is_dirty = false;
  bool waits_for_commit = false;

  clock::time_point opened;
  clock::time_point heard;                             // something came
  clock::time_point armed = clock::time_point::max();  // when the machine looks at it
  clock::time_point throttled_until;                   // by flood control
  std::optional<clock::time_point> half_closed_since;  // plain: everything it said is said
  std::optional<clock::time_point> closing_since;
};

}  // namespace tcptools::chat
