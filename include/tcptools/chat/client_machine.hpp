// Decides the client's side of a session in the structured language, over as many connections as it takes: what is
// asked, what every answer means, what is repeated and where a room's log goes on after a loss. No I/O, no clock.
// docs/chat-protocol.md, "The structured language".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/protocol.hpp"

namespace tcptools::chat {

// What a client is told beyond what the server says.
namespace news {
struct message {
  events::message what;
  std::string epoch;       // empty in an answer to `history`: its `end` says it
  bool replayed = false;   // it was in the log before this connection joined the room, or answers `history`
  bool asked_for = false;  // an answer to `history`
};
// Messages of the room are gone that this client has not seen; nothing: their number is not known, the log is another.
struct lost {
  std::string room;
  std::optional<std::uint64_t> count;
};
// The request has no other answer.
struct failed {
  error why;
};
}  // namespace news

struct told {
  std::variant<events::welcome, events::joined, events::left, events::nick, news::message, news::lost, events::direct,
               events::ack, events::presence, events::member, events::end, events::notice, news::failed>
      what;
  std::uint64_t number = 0;  // of the request it answers; 0: none
};

// What a server's complaint means to whoever made the request.
[[nodiscard]] errc to_errc(code what) noexcept;

// The error of a peer that greets with something else than this language: its first bytes are quoted.
[[nodiscard]] error no_tcpchat_server(std::string_view said);

class client_machine {
 public:
  struct settings {
    std::string nick;  // empty: a guest
    std::string room;  // empty: none
    std::optional<chat::since> since;
    bool presence = true;
  };

  // `run` is 32 random hexadecimal digits: with a number behind them they are the key of a message that has none.
  client_machine(settings chosen, std::string run);

  using clock = std::chrono::steady_clock;

  // From offline. take_requests() begins with the greeting, and says where to resume. `now` is what an `ago` that has
  // begun before grows by.
  void on_connected(clock::time_point now);
  // To offline. Messages to rooms that have no answer are repeated on the next connection, with their keys, so that the
  // server posts them once. All else that was written and has no answer fails with errc::connection_lost: a message to
  // a nickname has no key and would arrive twice.
  void on_disconnected();
  // There will be no further connection: what has no answer fails with `why`.
  void give_up(const error& why);

  // One line or event of the server. Fails if the connection cannot go on: errc::protocol_violation, or with what a
  // `bye` or an `error` about the greeting said.
  [[nodiscard]] result<void> on_line(std::string_view line);
  [[nodiscard]] result<void> on_event(const tagged_event& heard);

  // No more than limits::client_window requests wait for answers.
  [[nodiscard]] bool has_room() const noexcept;
  // The number of the request, which is written once the session is ready, in order. Every one has exactly one last
  // answer: `ack`, `joined`, `left`, `nick`, `end` or failed. A send without `room` goes to the one that the session
  // will be in when all that was asked before is done. Texts are made safe. Fails with errc::usage (nothing in the
  // text, a key that is too long) or too_large. Preconditions: has_room(); send, join, leave, nick, who or history.
  [[nodiscard]] result<std::uint64_t> ask(request what);
  // Something is to be written soon, so that both sides know the other one is there.
  void ping() noexcept { owes_ping_ = true; }
  // When all requests are written, `quit`.
  void quit() noexcept { quitting_ = true; }

  // What is to be written now: at most the window and three lines more, and nothing twice.
  [[nodiscard]] std::vector<tagged_request> take_requests();
  [[nodiscard]] std::vector<told> take_news() { return std::exchange(news_, {}); }

  [[nodiscard]] bool welcomed() const noexcept { return phase_ == phase::joining || phase_ == phase::ready; }
  // Welcome, and in the room that was to be joined.
  [[nodiscard]] bool ready() const noexcept { return phase_ == phase::ready; }
  // `quit` was answered.
  [[nodiscard]] bool finished() const noexcept { return finished_; }
  // Requests that have no answer.
  [[nodiscard]] std::size_t unanswered() const noexcept { return asked_.size(); }
  // Counts new messages and answers: what shows that connections are good for something.
  [[nodiscard]] std::uint64_t progress() const noexcept { return progress_; }

  [[nodiscard]] const std::string& nick() const noexcept { return nick_; }  // as the server calls this client
  [[nodiscard]] const std::string& room() const noexcept { return room_; }  // empty: in none

 private:
  enum class phase : std::uint8_t {
    offline,   // from all; to greeting
    greeting,  // the greeting is to be, or was, written; to joining, ready
    joining,   // welcome, and not yet in the room that the greeting named; to ready
    ready,
  };

  struct asked {
    request what;
    bool written = false;
  };
  using requests_by_number = std::map<std::uint64_t, asked>;

  [[nodiscard]] result<void> operate(const events::welcome& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::joined& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::left& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::nick& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::message& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::direct& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::ack& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::presence& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::member& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::end& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::notice& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::error& what, requests_by_number::iterator answered);
  [[nodiscard]] result<void> operate(const events::bye& what, requests_by_number::iterator answered);

  [[nodiscard]] requests_by_number::iterator find(std::string_view tag);
  // The number of the request that was answered for good, 0 for none; it is no longer kept.
  std::uint64_t settle(requests_by_number::iterator answered);
  // The number of the `history` that is being answered; 0: none.
  [[nodiscard]] std::uint64_t history_at_work() const;
  // Makes the text safe.
  [[nodiscard]] static result<void> prepare(requests::send& what);
  [[nodiscard]] std::string room_of_next_send() const;
  // Where the log of the room goes on; nothing if that is with the next message.
  [[nodiscard]] std::optional<chat::since> resume_point() const;
  void begin_log(const events::joined& what, const std::optional<chat::since>& start);
  void tell(decltype(told::what) what, std::uint64_t number = 0) { news_.push_back({std::move(what), number}); }

  settings settings_;
  std::string run_;
  phase phase_ = phase::offline;
  bool finished_ = false;
  bool quitting_ = false;
  bool said_quit_ = false;
  bool said_hello_ = false;
  bool owes_ping_ = false;
  std::optional<std::string> owes_pong_;  // its tag
  std::uint64_t progress_ = 0;

  std::string nick_;
  std::string wanted_nick_;  // to be asked for by the next greeting; empty: be a guest
  std::string ticket_;
  std::string room_;

  // Where this client is in the log of its room.
  std::string epoch_;                  // empty: never joined
  std::optional<std::uint64_t> last_;  // the id seen last; nothing: any may come first
  std::optional<chat::since> start_;   // what to begin with while `last_` says nothing
  clock::time_point connected_at_;
  std::optional<clock::time_point> start_at_;  // the connection that `start_` was said on; nothing: on none yet
  std::uint64_t replayed_below_ = 0;           // `next` when it was joined
  std::optional<chat::since> greeted_with_since_;

  requests_by_number asked_;
  std::uint64_t last_number_ = 0;
  std::vector<told> news_;
};

}  // namespace tcptools::chat
