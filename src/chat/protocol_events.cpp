#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "protocol_json.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

constexpr std::uint64_t any_number = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t latest_time = 253'402'300'799'999;  // of the year 9999: what can be written as a date

// A server need not be one of ours: nothing it says reaches a terminal as it is.
std::string safe_member(member_reader& in, json_member which) { return safe_text(in.text(which)); }
std::string optional_safe_member(member_reader& in, json_member which) { return safe_text(in.optional_text(which)); }
std::uint64_t any_whole(member_reader& in, json_member which) { return in.whole(which, any_number); }
wall_time time_of(member_reader& in) { return static_cast<wall_time>(in.whole(json_member::time, latest_time)); }

std::vector<std::string> safe_names(member_reader& in, json_member which) {
  std::vector<std::string> names = in.optional_names(which);
  if (names.size() > limits::names_shown) in.complain(code::bad_request, "more names than a line may have");
  if (!in.ok()) return {};
  for (std::string& name : names) name = safe_text(name);
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) in.complain(code::bad_request, "names that look the same");
  return names;
}

event welcome_of(member_reader& in) {
  events::welcome welcome;
  welcome.version = static_cast<unsigned>(in.whole(json_member::tcpchat, std::numeric_limits<unsigned>::max()));
  welcome.nick = safe_member(in, json_member::nick);
  welcome.ticket = safe_member(in, json_member::ticket);
  return welcome;
}

event joined_of(member_reader& in) {
  events::joined joined;
  joined.room = safe_member(in, json_member::room);
  joined.epoch = safe_member(in, json_member::epoch);
  joined.next = any_whole(in, json_member::next);
  joined.lost = any_whole(in, json_member::lost);
  joined.resumed = in.yes_no(json_member::resumed);
  joined.members = any_whole(in, json_member::members);
  return joined;
}

event left_of(member_reader& in) { return events::left{safe_member(in, json_member::room)}; }

event new_nick_of(member_reader& in) { return events::nick{safe_member(in, json_member::nick)}; }

event message_of(member_reader& in) {
  events::message message;
  message.room = safe_member(in, json_member::room);
  message.id = any_whole(in, json_member::id);
  message.time = time_of(in);
  message.from = safe_member(in, json_member::from);
  message.text = safe_member(in, json_member::text);
  return message;
}

event direct_of(member_reader& in) {
  events::direct direct;
  direct.time = time_of(in);
  direct.from = safe_member(in, json_member::from);
  direct.to = safe_member(in, json_member::to);
  direct.text = safe_member(in, json_member::text);
  return direct;
}

event ack_of(member_reader& in) {
  events::ack ack;
  if (in.has(json_member::id)) {
    ack.id = any_whole(in, json_member::id);
    ack.epoch = safe_member(in, json_member::epoch);
  }
  ack.repeat = in.optional_yes_no(json_member::repeat, false);
  return ack;
}

event presence_of(member_reader& in) {
  events::presence presence;
  presence.room = safe_member(in, json_member::room);
  presence.members = any_whole(in, json_member::members);
  presence.joined = safe_names(in, json_member::joined);
  presence.left = safe_names(in, json_member::left);
  presence.more = in.optional_whole(json_member::more, any_number, 0);
  return presence;
}

event member_of(member_reader& in) {
  events::member member;
  member.nick = safe_member(in, json_member::nick);
  member.room = optional_safe_member(in, json_member::room);
  member.idle = any_whole(in, json_member::idle);
  return member;
}

event end_of(member_reader& in) {
  events::end end;
  end.count = any_whole(in, json_member::count);
  end.room = optional_safe_member(in, json_member::room);
  if (end.room.empty()) return end;
  end.epoch = safe_member(in, json_member::epoch);
  end.next = any_whole(in, json_member::next);
  end.lost = any_whole(in, json_member::lost);
  return end;
}

event notice_of(member_reader& in) { return events::notice{safe_member(in, json_member::text)}; }

// A word of a later version is taken for `refused`: not to come back is safe.
template <class Reason>
event reason_of(member_reader& in) {
  const code what = parse_code(in.text(json_member::code)).value_or(code::refused);
  return Reason{what, safe_member(in, json_member::text)};
}

template <class Event>
event bare_event_of(member_reader& /*in*/) {
  return Event{};
}

// The table of "From the server".
struct event_rule {
  std::string_view type;
  event (*decode)(member_reader& in);
};
constexpr std::array event_rules{
    event_rule{"message", message_of},
    event_rule{"ack", ack_of},
    event_rule{"presence", presence_of},
    event_rule{"direct", direct_of},
    event_rule{"ping", bare_event_of<events::ping>},
    event_rule{"pong", bare_event_of<events::pong>},
    event_rule{"member", member_of},
    event_rule{"end", end_of},
    event_rule{"welcome", welcome_of},
    event_rule{"joined", joined_of},
    event_rule{"left", left_of},
    event_rule{"nick", new_nick_of},
    event_rule{"notice", notice_of},
    event_rule{"error", reason_of<events::error>},
    event_rule{"bye", reason_of<events::bye>},
};

}  // namespace

std::variant<std::optional<tagged_event>, complaint> parse_event(std::string_view line) {
  json_line members = read_json_line(line);
  member_reader in{members};
  const std::string type = in.ok() ? in.text(json_member::type) : std::string{};
  if (!in.ok()) return in.take_complaint();
  const auto* const rule = std::ranges::find(event_rules, type, &event_rule::type);
  if (rule == event_rules.end()) return std::nullopt;

  in.check_tag();
  tagged_event found{rule->decode(in), {}};
  if (!in.ok()) return in.take_complaint();
  // Made safe it may be longer than it was, and a pong brings it back to a server that counts.
  found.tag = safe_text(cut_to(safe_text(in.take_tag()), limits::tag));
  return found;
}

}  // namespace tcptools::chat
