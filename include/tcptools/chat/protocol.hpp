// What clients and servers say to one another, as types, and in the structured language. docs/chat-protocol.md says
// what each means; members here have the names they have there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tcptools::chat {

inline constexpr unsigned protocol_version = 1;

// Milliseconds since 1970-01-01 UTC.
using wall_time = std::int64_t;

enum class code : std::uint8_t {
  bad_request,
  bad_name,
  nick_in_use,
  no_such_nick,
  no_room,
  too_long,
  refused,
  kicked,
  replaced,
  busy,
  too_slow,
  timed_out,
  storage,
  shutting_down,
  version,
  quit,
};

// "nick_in_use". parse_code() gives nothing for a word this version does not know.
[[nodiscard]] std::string_view to_text(code what) noexcept;
[[nodiscard]] std::optional<code> parse_code(std::string_view text) noexcept;

// Where to begin in a room's log. Exactly one of `id` and `ago` has a value.
struct since {
  std::optional<std::uint64_t> id;
  std::string epoch;  // empty: not said; only with `id`
  std::optional<std::chrono::seconds> ago;

  friend bool operator==(const since&, const since&) = default;
};

// From clients. Texts and names are as they came: the decoder checks their lengths, not what they say.
namespace requests {
struct hello {
  unsigned version = protocol_version;  // the highest the client knows
  std::string nick;                     // empty: a guest
  std::string room;                     // empty: none
  std::optional<chat::since> since;
  bool presence = true;
  std::string ticket;
};
struct send {
  std::string text;
  std::string room;  // empty: the one it is in
  std::string to;    // not empty: to one alone
  std::string key;
};
struct join {
  std::string room;
  std::optional<chat::since> since;
};
struct leave {};
struct nick {
  std::string nick;
};
struct who {
  std::string room;  // empty: all
};
struct history {
  std::string room;
  std::optional<chat::since> since;
  std::optional<std::uint32_t> limit;
};
struct kick {
  std::string to;
  std::string text;  // why; empty: not said
};
struct ban {
  std::string to;  // or an address
};
struct ping {};
struct pong {};
struct quit {};
struct help {};  // plain only
}  // namespace requests

using request = std::variant<requests::hello, requests::send, requests::join, requests::leave, requests::nick,
                             requests::who, requests::history, requests::kick, requests::ban, requests::ping,
                             requests::pong, requests::quit, requests::help>;

struct tagged_request {
  request what;
  std::string tag;
};

// Why a line is no request: what `error` says.
struct complaint {
  code what = code::bad_request;
  std::string text;
  std::string tag;
};

// From servers.
namespace events {
struct welcome {
  unsigned version = protocol_version;
  std::string nick;
  std::string ticket;
};
struct joined {
  std::string room;
  std::string epoch;
  std::uint64_t next = 1;
  std::uint64_t lost = 0;
  bool resumed = true;
  std::uint64_t members = 0;
};
struct left {
  std::string room;
};
struct nick {
  std::string nick;
};
struct message {
  std::string room;
  std::uint64_t id = 0;
  wall_time time = 0;
  std::string from;
  std::string text;
};
struct direct {
  wall_time time = 0;
  std::string from;
  std::string to;
  std::string text;
};
struct ack {
  std::optional<std::uint64_t> id;  // and epoch, unless it went to one alone
  std::string epoch;
  bool repeat = false;
};
struct presence {
  std::string room;
  std::uint64_t members = 0;
  std::vector<std::string> joined;
  std::vector<std::string> left;
  std::uint64_t more = 0;
};
struct member {
  std::string nick;
  std::string room;
  std::uint64_t idle = 0;  // seconds
};
struct end {
  std::uint64_t count = 0;
  // For history; room is empty for who.
  std::string room;
  std::string epoch;
  std::uint64_t next = 0;
  std::uint64_t lost = 0;
};
struct notice {
  std::string text;
};
struct ping {};
struct pong {};
struct error {
  code what = code::bad_request;
  std::string text;
};
struct bye {
  code what = code::quit;
  std::string text;
};
}  // namespace events

using event = std::variant<events::welcome, events::joined, events::left, events::nick, events::message, events::direct,
                           events::ack, events::presence, events::member, events::end, events::notice, events::ping,
                           events::pong, events::error, events::bye>;

struct tagged_event {
  event what;
  std::string tag;  // empty: none
};

// Server: one line of a client, without its end. The first line of a session is decoded by parse_hello().
[[nodiscard]] std::variant<tagged_request, complaint> parse_request(std::string_view line);
// Nothing if the line is no JSON object with the member `tcpchat`: then it is no greeting, but text. One that is wrong
// only after that member is a bad greeting: it may hold a ticket, which is not for others to read.
[[nodiscard]] std::optional<std::variant<requests::hello, complaint>> parse_hello(std::string_view line);

// Server: appends a line with its LF. What is text in it is safe already (safe_text): only what JSON demands is
// escaped.
void append_line(std::string& out, const event& what, std::string_view tag = {});
// The same for events::message, of which there are many.
void append_message(std::string& out, std::string_view room, std::uint64_t id, wall_time time, std::string_view from,
                    std::string_view text);

// Client: appends a line with its LF; nothing for requests::help. What is text in it is UTF-8.
void append_line(std::string& out, const request& what, std::string_view tag = {});

// Client: one line of a server, without its end, with all its text made safe. Nothing for a type it does not know; a
// complaint if it is not what a server may say. A `code` it does not know is code::refused.
[[nodiscard]] std::variant<std::optional<tagged_event>, complaint> parse_event(std::string_view line);

}  // namespace tcptools::chat
