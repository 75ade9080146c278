// What the machine does for each request.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/plain_protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

constexpr std::string_view bad_room_text = "a room's name is 1 to 32 of a-z 0-9 . _ -";
constexpr std::string_view bad_nick_text = "a nickname is 1 to 32 of A-Z a-z 0-9 . _ -, the first a letter";

std::string hex(std::uint64_t value) {
  std::array<char, 16> digits{};
  const auto [end, failure] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  const auto length = static_cast<std::size_t>(end - digits.data());
  return std::string(digits.size() - length, '0').append(digits.data(), length);
}

// A message's key as it is kept: nobody's are known by what follows the separator, or by not having one.
std::string owned_key(const member& who, const std::string& key) {
  constexpr char separator = '\x1f';
  const bool is_anybodys = who.rights == nullptr;
  if (key.empty() || (is_anybodys && key.find(separator) == std::string::npos)) return key;
  const std::string_view kind = is_anybodys || who.rights->is_key ? "" : "certificate ";
  return std::string{kind}.append(is_anybodys ? std::string_view{} : who.rights->owner).append(1, separator) + key;
}

std::string to_text(const member::ticket_type& ticket) { return hex(ticket.first) + hex(ticket.second); }

// Zeros, which no ticket is, where the text is none.
member::ticket_type parse_ticket(std::string_view text) noexcept {
  member::ticket_type ticket{};
  if (text.size() != 32) return ticket;
  const auto parse = [](std::string_view half, std::uint64_t& into) {
    const auto [end, failure] = std::from_chars(half.data(), half.data() + half.size(), into, 16);
    return failure == std::errc{} && end == half.data() + half.size();
  };
  const bool is_whole = parse(text.substr(0, 16), ticket.first) && parse(text.substr(16), ticket.second);
  return is_whole ? ticket : member::ticket_type{};
}

}  // namespace

std::string chat_machine::random_epoch() { return hex(random_()); }

void chat_machine::say(member& who, const event& what, std::string_view tag) {
  std::string line;
  if (who.speaks == language::structured) {
    append_line(line, what, tag);
  } else if (who.speaks == language::plain) {
    append_plain(line, what, who.name());
  }
  if (line.empty()) return;
  who.out.say(line);
  note_news(who);
}

void chat_machine::complain(member& who, code what, std::string_view text, std::string_view tag) {
  say(who, events::error{what, std::string{text}}, tag);
}

std::optional<complaint> chat_machine::claim_nick(member& who, const std::string& nick, member::ticket_type ticket,
                                                  moment now) {
  if (!is_nick(nick)) return complaint{code::bad_name, std::string{bad_nick_text}, {}};
  if (is_reserved_nick(nick)) return complaint{code::bad_name, "the nickname " + nick + " is reserved", {}};
  if (auto why_not = why_not_nick(who, nick)) return why_not;
  if (const auto taken = nicks_.find(fold(nick)); taken != nicks_.end() && taken->second != &who) {
    const bool is_same_client =
        ticket != member::ticket_type{} && taken->second->ticket == ticket && who.has_same_owner(*taken->second);
    if (!is_same_client) return complaint{code::nick_in_use, "the nickname " + nick + " is in use", {}};
    end_at_once(*taken->second, code::replaced, "another connection took this session's place", now);
  }
  if (!who.nick.empty()) nicks_.erase(fold(who.nick));
  who.nick = nick;
  nicks_[fold(nick)] = &who;
  return std::nullopt;
}

void chat_machine::handle(member& who, const requests::hello& asked, const std::string& tag, moment now) {
  std::string into;
  if (!asked.room.empty()) {
    const std::optional<std::string> name = canonical_room(asked.room);
    if (!name) return end(who, code::bad_name, bad_room_text, now);
    into = *name;
    if (const auto why_not = why_not_room(who, into)) return end(who, why_not->what, why_not->text, now);
  }
  if (asked.nick.empty()) {
    (void)claim_own_nick(who, now);
  } else if (const auto why_not = claim_nick(who, asked.nick, parse_ticket(asked.ticket), now)) {
    return end(who, why_not->what, why_not->text, now);
  }
  who.presence = asked.presence;
  do {
    who.ticket = {random_(), random_()};
  } while (who.ticket == member::ticket_type{});
  observer_.on_named(who);
  say(who, events::welcome{protocol_version, std::string{who.name()}, to_text(who.ticket)});
  if (!settings_.motd.empty()) say(who, events::notice{settings_.motd});
  if (into.empty()) return;
  room* const entered = find_or_make_room(into);
  if (entered == nullptr) return end(who, code::busy, "there are too many rooms", now);
  enter(who, *entered, asked.since, tag, now);
}

void chat_machine::handle(member& who, const requests::send& asked, const std::string& tag, moment now) {
  const bool is_plain = who.speaks == language::plain;
  if (asked.text.size() > limits::text) return complain(who, code::too_long, "the text is too long", tag);
  std::string text = safe_text(asked.text);
  if (text.size() > limits::text && !is_plain) return complain(who, code::too_long, "the text is too long", tag);
  if (text.size() > limits::text) text.resize(cut_to(text, limits::text).size());
  if (text.empty()) return is_plain ? void() : complain(who, code::bad_request, "there is no text", tag);
  std::string from;
  if (const auto why_not = choose_speaker(who, from, now)) return complain(who, why_not->what, why_not->text, tag);
  if (!asked.to.empty()) return handle_direct(who, asked, from, std::move(text), tag, now);

  std::string name = who.where == nullptr ? "" : who.where->log.room();
  if (!asked.room.empty()) {
    const std::optional<std::string> canonical = canonical_room(asked.room);
    if (!canonical) return complain(who, code::bad_name, bad_room_text, tag);
    name = *canonical;
    if (const auto why_not = why_not_room(who, name)) return complain(who, why_not->what, why_not->text, tag);
  }
  if (name.empty()) return complain(who, code::no_room, "you are in no room, and the message names none", tag);
  if (settings_.relays_to_operator) {
    observer_.on_message(&who, name, text);
    if (!is_plain) say(who, events::ack{}, tag);
    return;
  }
  room* const into = find_or_make_room(name);
  if (into == nullptr) return complain(who, code::busy, "there are too many rooms", tag);
  post(*into, {name, 0, now.wall, from, std::move(text), owned_key(who, asked.key)}, tag, &who, now);
}

void chat_machine::handle_direct(member& who, const requests::send& asked, const std::string& from, std::string text,
                                 const std::string& tag, moment now) {
  if (settings_.has_operator && fold(asked.to) == operator_name) {
    observer_.on_direct(who, text);
    return say(who, events::ack{}, tag);
  }
  member* const to = find(asked.to);
  const bool is_there = to != nullptr && to->speaks != language::undecided && may_see(who, *to);
  if (!is_there) return complain(who, code::no_such_nick, "there is no " + safe_text(asked.to), tag);
  say(*to, events::direct{now.wall, from, std::string{to->name()}, std::move(text)});
  say(who, events::ack{}, tag);
}

void chat_machine::handle(member& who, const requests::join& asked, const std::string& tag, moment now) {
  const std::optional<std::string> name = canonical_room(asked.room);
  if (!name) return complain(who, code::bad_name, bad_room_text, tag);
  if (const auto why_not = why_not_room(who, *name)) return complain(who, why_not->what, why_not->text, tag);
  room* const into = find_or_make_room(*name);
  if (into == nullptr) return complain(who, code::busy, "there are too many rooms", tag);
  enter(who, *into, asked.since, tag, now);
}

void chat_machine::handle(member& who, const requests::leave& /*asked*/, const std::string& tag, moment now) {
  if (who.where == nullptr) return complain(who, code::no_room, "you are in no room", tag);
  const std::string name = who.where->log.room();
  leave(who, now);
  say(who, events::left{name}, tag);
}

void chat_machine::handle(member& who, const requests::nick& asked, const std::string& tag, moment now) {
  const std::string before = who.nick;
  const std::optional<complaint> why_not = claim_nick(who, asked.nick, {}, now);
  if (why_not) return complain(who, why_not->what, why_not->text, tag);
  tell_nick(who, before, tag, now);
}

// It and others, of what it is called now.
void chat_machine::tell_nick(member& who, const std::string& before, const std::string& tag, moment now) {
  say(who, events::nick{who.nick}, tag);
  observer_.on_named(who);
  if (who.where == nullptr || !who.presence || before == who.nick) return;
  if (!before.empty()) note_left(*who.where, before, now);
  who.nick_before = before;
  note_came(*who.where, who.nick, now);
}

void chat_machine::handle(member& who, const requests::who& asked, const std::string& tag, moment now) {
  const auto tell = [&](const member& one) {
    const auto idle = std::chrono::duration_cast<std::chrono::seconds>(now.at - one.heard).count();
    say(who,
        events::member{std::string{one.name()}, one.where == nullptr ? "" : one.where->log.room(),
                       static_cast<std::uint64_t>(idle)},
        tag);
  };
  std::uint64_t count = 0;
  if (asked.room.empty() && who.speaks == language::structured) {
    for (const member* const one : all()) {
      if (one->speaks == language::undecided || !may_see(who, *one)) continue;
      tell(*one);
      ++count;
    }
  } else {
    const room* where = who.where;
    if (!asked.room.empty()) {
      const std::optional<std::string> name = canonical_room(asked.room);
      if (!name) return complain(who, code::bad_name, bad_room_text, tag);
      if (const auto why_not = why_not_room(who, *name)) return complain(who, why_not->what, why_not->text, tag);
      where = find_room(*name);
    }
    if (where != nullptr) {
      for (const member* const one : where->members) tell(*one);
      count = where->members.size();
    }
  }
  say(who, events::end{count, {}, {}, 0, 0}, tag);
}

void chat_machine::handle(member& who, const requests::history& asked, const std::string& tag, moment now) {
  const std::optional<std::string> name = canonical_room(asked.room);
  if (!name) return complain(who, code::bad_name, bad_room_text, tag);
  if (const auto why_not = why_not_room(who, *name)) return complain(who, why_not->what, why_not->text, tag);
  const room* const where = find_room(*name);
  if (where == nullptr) return say(who, events::end{0, *name, {}, 1, 0}, tag);
  const room_log& log = where->log;
  room_log::start from = log.find(asked.since ? asked.since : since{0, {}, {}}, now.wall);
  if (asked.limit && log.next() - from.first > *asked.limit) from.first = log.next() - *asked.limit;
  who.out.say(log.structured().cursor_at(log.position_of(from.first)), log.structured().head());
  say(who, events::end{log.next() - from.first, *name, log.epoch(), log.next(), from.lost}, tag);
}

void chat_machine::handle(member& who, const requests::ping& /*asked*/, const std::string& tag, moment /*now*/) {
  say(who, events::pong{}, tag);
}

void chat_machine::handle(member& /*who*/, const requests::pong& /*asked*/, const std::string& /*tag*/,
                          moment /*now*/) {}

void chat_machine::handle(member& who, const requests::quit& /*asked*/, const std::string& /*tag*/, moment now) {
  end(who, code::quit, "", now);
}

void chat_machine::handle(member& who, const requests::help& /*asked*/, const std::string& /*tag*/, moment /*now*/) {
  who.out.say(plain_help());
  note_news(who);
}

}  // namespace tcptools::chat
