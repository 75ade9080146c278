// All that a chat server decides: who is who and where, what becomes of each line, who is told what, who has to go. No
// I/O and no clock. A connection's bytes go in, its member's outlet holds what is to come out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/flood_control.hpp"
#include "tcptools/chat/history_store.hpp"
#include "tcptools/chat/member.hpp"
#include "tcptools/chat/member_rights.hpp"
#include "tcptools/chat/protocol.hpp"
#include "tcptools/chat/room.hpp"
#include "tcptools/chat/send_keys.hpp"

namespace tcptools::chat {

// Which languages may be spoken on connections that are not encrypted.
struct clear_languages {
  bool structured = true;
  bool plain = true;
};

struct server_settings {
  std::size_t max_sessions = 10'000;
  std::size_t max_per_address = 256;
  std::size_t max_backlog = 16U << 20U;  // bytes
  std::size_t max_memory = 512U << 20U;  // bytes
  history_bounds history;
  flood_limits flood;
  std::string motd;
  bool has_operator = false;        // somebody sees what is said to the operator
  bool relays_to_operator = false;  // what is said to a room goes to the operator instead
  bool is_stored = false;           // there is a history store: messages wait for it
  nick_set reserved_nicks;          // only for sessions whose rights have them
  clear_languages in_clear;
};

// Called while the machine is at work: must not call it.
class server_observer {
 public:
  server_observer() = default;
  server_observer(const server_observer&) = delete;
  server_observer& operator=(const server_observer&) = delete;
  virtual ~server_observer() = default;

  virtual void on_open(const member& who) = 0;
  // Its language is known, or its nickname has changed.
  virtual void on_named(const member& who) = 0;
  virtual void on_turned_away(std::string_view peer, std::string_view why) = 0;
  // `from` is null if the operator said it.
  virtual void on_message(const member* from, std::string_view room, std::string_view text) = 0;
  // What was said to the operator alone.
  virtual void on_direct(const member& from, std::string_view text) = 0;
  // A session whose rights allow it ended `whom`'s, or all of an address and those to come.
  virtual void on_kick(const member& by, const member& whom) = 0;
  virtual void on_ban(const member& by, std::string_view address) = 0;
  virtual void on_close(const member& who, code why, std::string_view text) = 0;
};

class chat_machine {
 public:
  using clock = std::chrono::steady_clock;
  struct moment {
    clock::time_point at;
    wall_time wall = 0;
  };
  using random_source = std::function<std::uint64_t()>;

  struct counts {
    std::uint64_t sessions = 0;
    std::uint64_t rooms = 0;
    std::uint64_t messages = 0;  // since the start
    std::uint64_t memory = 0;    // bytes of logs and queues
  };

  // `use` and `observer` outlive the machine.
  chat_machine(memory_use& use, server_settings settings, server_observer& observer, random_source random);

  // Before the first session: what the history store has.
  void restore(const history_contents& contents, moment now);

  // A new connection. Fails, with what is to be told it, if there are too many or its address is banned; it is then not
  // known to the machine.
  [[nodiscard]] result<void> open(member& who, moment now);
  void on_bytes(member& who, std::string_view bytes, moment now);
  // It closes its direction.
  void on_end(member& who, moment now);
  // Something of its outlet went out.
  void on_sent(member& who, moment now);
  // The connection is gone; the machine forgets the member.
  void close(member& who, std::string_view why, moment now);

  // Whether it is to be read from.
  [[nodiscard]] bool wants_input(const member& who) const;

  // Those whose outlet has something new, each once. Also ends those who lag too far behind.
  void take_news(std::vector<member*>& into, moment now);
  [[nodiscard]] bool has_news() const noexcept { return !news_.empty() || !room_news_.empty(); }

  [[nodiscard]] clock::time_point next_due() const;
  void on_time(moment now);

  // What the history store is to be given next; empty if there is nothing. One batch at a time.
  [[nodiscard]] history_batch take_batch(moment now);
  void on_committed(const result<void>& how, moment now);
  // There is something to be committed, or at the store. After a failure, rooms to be forgotten wait for a message.
  [[nodiscard]] bool has_uncommitted() const noexcept {
    return !staged_.empty() || (!forgotten_.empty() && !has_commit_failed_);
  }

  // No line is taken any more.
  void stop_input() noexcept { stopped_ = true; }
  // Ends every session after what it has yet to be sent.
  void end_all(code why, std::string_view text, moment now);
  // Ends one whose key gives it no right to be here any more, with no more than the line that has begun.
  void dismiss(member& who, code why, std::string_view text, moment now) { end_at_once(who, why, text, now); }
  // From now on these are only for sessions whose rights have them; whoever else has one ends.
  void reserve_nicks(nick_set folded, moment now);
  // Closes every connection.
  void abort_all();

  // What an operator does: chat_machine_operator.cpp. `to` is a nickname or an address with its port.
  [[nodiscard]] member* find(std::string_view name) const;
  [[nodiscard]] member* find_number(std::uint64_t number) const;
  // Both fail with errc::too_large or errc::busy, and do nothing where nothing is left of the text.
  result<void> say_as_operator(const std::string& name, std::string_view text, moment now);
  result<void> tell_as_operator(member& to, std::string_view text, moment now);
  void kick(member& who, std::string_view reason, moment now);
  // Ends the sessions of an address, and lets no further one in; how many were ended.
  std::size_t ban(const std::string& address, moment now);
  [[nodiscard]] std::vector<const member*> all() const;
  [[nodiscard]] std::vector<const room*> rooms() const;
  [[nodiscard]] counts count() const;

 private:
  // Somebody who waits for a message to be on disk.
  struct waiter {
    std::uint64_t number = 0;  // 0: the operator
    std::string tag;
  };
  struct staged {
    stored_message message;
    waiter sender;
  };
  struct due {
    clock::time_point when;
    std::uint64_t number = 0;
    bool operator>(const due& other) const noexcept { return when > other.when; }
  };

  // Sessions: chat_machine.cpp
  void process(member& who, moment now);
  void handle_line(member& who, std::string_view line, moment now);
  void decide(member& who, moment now);
  void greet_plain(member& who, moment now);
  [[nodiscard]] bool try_greeting(member& who, std::string_view line, moment now);
  void finish_input(member& who, moment now);
  // What it holds is the beginning of a first line that may yet be a greeting.
  [[nodiscard]] static bool may_be_greeting(const member& who) noexcept;
  [[nodiscard]] bool is_held_up(const member& who) const noexcept;
  void end(member& who, code why, std::string_view text, moment now);
  void end_at_once(member& who, code why, std::string_view text, moment now);
  void end_with(member& who, std::string_view last_words, std::string_view why, moment now);
  void retire(member& who, code why, std::string_view text, moment now);

  // News: chat_machine_news.cpp
  void enforce_memory(moment now);
  // Who has most to read or to be read, if that is more than so many bytes.
  [[nodiscard]] member* largest_member(std::size_t more_than) const;
  // Half of what the room that keeps most keeps. False if none has more than a segment.
  bool forget_some_history();
  void note_news(member& who);
  void note_news(room& where);

  // Time: chat_machine_time.cpp
  void arm(member& who);
  [[nodiscard]] clock::time_point due_for(const member& who) const;
  [[nodiscard]] static clock::time_point unterminated_due(const member& who);
  void look_at(member& who, moment now);
  void tell_presence(room& where, moment now);

  // Requests: chat_machine_requests.cpp
  void handle(member& who, const requests::hello& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::send& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::join& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::leave& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::nick& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::who& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::history& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::kick& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::ban& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::ping& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::pong& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::quit& asked, const std::string& tag, moment now);
  void handle(member& who, const requests::help& asked, const std::string& tag, moment now);
  void handle_direct(member& who, const requests::send& asked, const std::string& from, std::string text,
                     const std::string& tag, moment now);
  void say(member& who, const event& what, std::string_view tag = {});
  void complain(member& who, code what, std::string_view text, std::string_view tag);
  [[nodiscard]] std::string random_epoch();
  // Why this nickname cannot be had by it, if it cannot; ends a session whose ticket it shows.
  [[nodiscard]] std::optional<complaint> claim_nick(member& who, const std::string& nick, member::ticket_type ticket,
                                                    moment now);
  void tell_nick(member& who, const std::string& before, const std::string& tag, moment now);
  void done(member& who, std::uint64_t count, std::string_view words, const std::string& tag);

  // What rights decide: chat_machine_rights.cpp
  [[nodiscard]] std::optional<complaint> why_not_nick(const member& who, std::string_view nick) const;
  // The first free one of those it may have, if it has none and may not speak without.
  [[nodiscard]] std::optional<complaint> claim_own_nick(member& who, moment now);
  // Whose words its words are; why it may not speak, if it may not.
  [[nodiscard]] std::optional<complaint> choose_speaker(member& who, std::string& name, moment now);
  [[nodiscard]] static std::optional<complaint> why_not_room(const member& who, std::string_view name);
  [[nodiscard]] bool may_speak_language(member& who, language one, moment now);
  [[nodiscard]] static bool may_see(const member& who, const member& other);

  // Rooms and messages: chat_machine_rooms.cpp
  [[nodiscard]] room* find_room(std::string_view name) const;
  // Null if there are too many.
  [[nodiscard]] room* find_or_make_room(const std::string& name);
  void enter(member& who, room& into, const std::optional<since>& from, const std::string& tag, moment now);
  void follow(member& who, room& into, std::uint64_t first);
  void leave(member& who, moment now);
  void note_came(room& where, const std::string& name, moment now);
  void note_left(room& where, const std::string& name, moment now);
  // A room that has nobody and nothing in it is forgotten.
  void drop_if_empty(room& one);
  void forget(room& one);
  // Too much waits for the disk: it goes on after the next commit.
  [[nodiscard]] bool must_wait_for_commit(member& who);
  void post(room& into, stored_message message, const std::string& tag, member* sender, moment now);
  void publish(room& into, const stored_message& message, member* sender);
  void acknowledge(member* sender, const room& in, std::uint64_t id, bool repeat, const std::string& tag);
  void finish(const staged& one, const result<void>& how);
  void answer(const waiter& who, const staged& message, const result<void>& how, bool repeat);

  memory_use& use_;
  server_settings settings_;
  server_observer& observer_;
  random_source random_;

  std::uint64_t last_number_ = 0;
  std::unordered_map<std::uint64_t, member*> members_;      // by number
  std::unordered_map<std::string_view, member*> peers_;     // by address with port
  std::unordered_map<std::string, member*> nicks_;          // by folded nickname
  std::unordered_map<std::string, std::size_t> addresses_;  // how many sessions each has
  std::set<std::string> banned_;
  std::map<std::string, std::unique_ptr<room>, std::less<>> rooms_;
  send_keys keys_;

  std::vector<member*> news_;
  std::vector<room*> room_news_;
  std::priority_queue<due, std::vector<due>, std::greater<>> dues_;
  std::vector<room*> presence_news_;  // rooms whose presence is due some time

  std::vector<staged> staged_;  // in the order of arrival; the first in_commit_ are at the store
  std::size_t in_commit_ = 0;
  std::size_t staged_bytes_ = 0;
  std::unordered_map<std::string, std::vector<waiter>> repeats_;  // of what is staged with a key
  std::size_t repeats_waiting_ = 0;
  bool has_commit_failed_ = false;                 // the last one
  std::vector<std::uint64_t> waiting_for_commit_;  // numbers
  std::vector<std::string> forgotten_;             // rooms the store has yet to forget
  std::vector<std::string> committing_forgotten_;  // rooms it has been told to
  std::uint64_t messages_ = 0;
  bool stopped_ = false;
};

}  // namespace tcptools::chat
