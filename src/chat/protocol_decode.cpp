#include <array>
#include <limits>
#include <utility>

#include "protocol_json.hpp"
#include "tcptools/base/text.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

constexpr std::uint64_t largest_unsigned = std::numeric_limits<unsigned>::max();
constexpr std::uint64_t largest_limit = std::numeric_limits<std::uint32_t>::max();

std::string must_have(json_member which, std::size_t most) {
  return "'" + std::string{name_of(which)} + "' must have 1 to " + std::to_string(most) + " bytes";
}

// A name that is there is not empty.
std::string optional_name(member_reader& in, json_member which, std::size_t most) {
  if (!in.has(which)) return {};
  std::string name = in.optional_text(which);
  const std::size_t size = name.size() - (which == json_member::room && name.starts_with('#') ? 1 : 0);
  if (size == 0 || size > most) in.complain(code::bad_name, must_have(which, most));
  return name;
}

std::string required_name(member_reader& in, json_member which, std::size_t most = limits::name) {
  if (!in.has(which)) (void)in.text(which);
  return optional_name(in, which, most);
}

request send_of(member_reader& in) {
  requests::send send;
  send.text = in.text(json_member::text);
  if (send.text.empty()) in.complain(code::bad_request, "there is nothing in 'text'");
  if (send.text.size() > limits::text) in.complain(code::too_long, must_have(json_member::text, limits::text));
  send.room = optional_name(in, json_member::room, limits::name);
  send.to = optional_name(in, json_member::to, limits::shown_name);
  send.key = optional_name(in, json_member::key, limits::key);
  if (!send.room.empty() && !send.to.empty()) in.complain(code::bad_request, "either 'room' or 'to'");
  return send;
}

request join_of(member_reader& in) { return requests::join{required_name(in, json_member::room), in.optional_since()}; }

request nick_of(member_reader& in) { return requests::nick{required_name(in, json_member::nick)}; }

request who_of(member_reader& in) { return requests::who{optional_name(in, json_member::room, limits::name)}; }

request history_of(member_reader& in) {
  requests::history history;
  history.room = required_name(in, json_member::room);
  history.since = in.optional_since();
  if (in.has(json_member::limit)) {
    history.limit = static_cast<std::uint32_t>(in.whole(json_member::limit, largest_limit));
  }
  return history;
}

request kick_of(member_reader& in) {
  return requests::kick{required_name(in, json_member::to, limits::shown_name), in.optional_text(json_member::text)};
}

request ban_of(member_reader& in) { return requests::ban{required_name(in, json_member::to, limits::shown_name)}; }

template <class Request>
request bare_request_of(member_reader& /*in*/) {
  return Request{};
}

// The table of "From the client".
struct request_rule {
  std::string_view type;
  request (*decode)(member_reader& in);
};
constexpr std::array request_rules{
    request_rule{"send", send_of},
    request_rule{"join", join_of},
    request_rule{"leave", bare_request_of<requests::leave>},
    request_rule{"nick", nick_of},
    request_rule{"who", who_of},
    request_rule{"history", history_of},
    request_rule{"kick", kick_of},
    request_rule{"ban", ban_of},
    request_rule{"ping", bare_request_of<requests::ping>},
    request_rule{"pong", bare_request_of<requests::pong>},
    request_rule{"quit", bare_request_of<requests::quit>},
};

request request_of(member_reader& in) {
  const std::string type = in.text(json_member::type);
  for (const request_rule& one : request_rules) {
    if (one.type == type) return one.decode(in);
  }
  in.complain(code::bad_request, "there is no request " + in_quotes(cut_to(type, limits::name)));
  return requests::ping{};
}

requests::hello hello_of(member_reader& in) {
  requests::hello hello;
  hello.version = static_cast<unsigned>(in.whole(json_member::tcpchat, largest_unsigned));
  if (hello.version == 0) in.complain(code::version, "versions begin with 1");
  hello.nick = optional_name(in, json_member::nick, limits::name);
  hello.room = optional_name(in, json_member::room, limits::name);
  hello.since = in.optional_since();
  hello.presence = in.optional_yes_no(json_member::presence, true);
  hello.ticket = in.optional_text(json_member::ticket);
  return hello;
}

}  // namespace

std::variant<tagged_request, complaint> parse_request(std::string_view line) {
  json_line members = read_json_line(line);
  member_reader in{members};
  in.check_tag();
  tagged_request found;
  if (in.ok()) found.what = request_of(in);
  if (!in.ok()) return in.take_complaint();
  found.tag = in.take_tag();
  return found;
}

std::optional<std::variant<requests::hello, complaint>> parse_hello(std::string_view line) {
  json_line members = read_json_line(line);
  if (members[json_member::tcpchat].what == json_kind::absent) return std::nullopt;
  member_reader in{members};
  requests::hello hello;
  if (in.ok()) hello = hello_of(in);
  if (!in.ok()) return in.take_complaint();
  return hello;
}

}  // namespace tcptools::chat
