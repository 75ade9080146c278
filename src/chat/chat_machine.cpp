#include "tcptools/chat/chat_machine.hpp"

#include <utility>

#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/plain_protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

// The alert unexpected_message (RFC 8446, 6.2), for those who speak TLS: no server sends it that speaks TLS and only
// does not take a key.
constexpr std::string_view tls_alert{"\x15\x03\x03\x00\x02\x02\x0A", 7};
constexpr char tls_first_octet = 0x16;

constexpr std::string_view http_answer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis is a tcpchat server.\n";

// They are looked at again with every byte that comes.
constexpr std::size_t blanks_before_greeting = 64;

// A JSON object may begin here.
bool begins_as_greeting(std::string_view text) noexcept {
  const std::size_t first = text.substr(0, blanks_before_greeting).find_first_not_of(" \t\r");
  return first == std::string_view::npos ? text.size() < blanks_before_greeting : text[first] == '{';
}

}  // namespace

chat_machine::chat_machine(memory_use& use, server_settings settings, server_observer& observer, random_source random)
    : use_{use}, settings_{std::move(settings)}, observer_{observer}, random_{std::move(random)}, keys_{limits::keys} {}

void chat_machine::restore(const history_contents& contents, moment now) {
  for (const stored_room& stored : contents.rooms) {
    const std::uint64_t first = stored.next - stored.messages.size();
    auto made = std::make_unique<room>(use_, stored.name, stored.epoch, first, settings_.history);
    for (const stored_message& one : stored.messages) made->log.append(one.time, one.from, one.text);
    made->is_stored = true;
    made->pruned_to = first;
    made->prunes_to = first;
    rooms_.emplace(stored.name, std::move(made));
  }
  for (const stored_key& one : contents.keys) keys_.add(one.room, one.key, one.id, one.time);
  (void)keys_.expire(now.wall);
}

result<void> chat_machine::open(member& who, moment now) {
  const std::string address{who.address};
  if (banned_.contains(address)) {
    observer_.on_turned_away(who.peer, "banned");
    return error{errc::refused, "this address is banned"};
  }
  if (stopped_) return error{errc::busy, "the server is shutting down"};
  const auto of_address = addresses_.find(address);
  if (of_address != addresses_.end() && of_address->second >= settings_.max_per_address) {
    observer_.on_turned_away(who.peer, "too many sessions of one address");
    return error{errc::busy, "there are too many sessions of this address"};
  }
  if (members_.size() >= settings_.max_sessions) {
    observer_.on_turned_away(who.peer, "too many sessions");
    return error{errc::busy, "there are too many sessions"};
  }
  who.number = ++last_number_;
  who.opened = now.at;
  who.heard = now.at;
  members_.emplace(who.number, &who);
  peers_.emplace(who.peer, &who);
  ++addresses_[address];
  arm(who);
  observer_.on_open(who);
  return {};
}

void chat_machine::close(member& who, std::string_view why, moment now) {
  if (!who.is_closing()) {
    retire(who, code::quit, why, now);
    who.out.drop();
  }
  if (who.is_dirty) std::erase(news_, &who);
  const auto peer = peers_.find(who.peer);
  if (peer != peers_.end() && peer->second == &who) peers_.erase(peer);
  const auto of_address = addresses_.find(std::string{who.address});
  if (--of_address->second == 0) addresses_.erase(of_address);
  members_.erase(who.number);
}

void chat_machine::on_bytes(member& who, std::string_view bytes, moment now) {
  if (who.is_closing()) return;
  who.heard = now.at;
  who.is_pinged = false;
  who.in.feed(bytes);
  process(who, now);
}

void chat_machine::on_end(member& who, moment now) {
  if (who.is_closing()) return;
  who.is_at_end = true;
  process(who, now);
}

void chat_machine::on_sent(member& who, moment now) {
  if (!who.is_closing() && (who.in.has_line() || who.is_at_end)) process(who, now);
  if (wants_input(who)) who.wake();
}

bool chat_machine::is_held_up(const member& who) const noexcept {
  return stopped_ || who.out.answers() > limits::unread_answers ||
         who.out.lines_to_skip() > limits::own_messages_waiting || who.waits_for_commit;
}

bool chat_machine::wants_input(const member& who) const {
  return !who.is_closing() && !who.is_at_end && !is_held_up(who) && !who.in.has_line();
}

void chat_machine::process(member& who, moment now) {
  while (!who.is_closing() && !is_held_up(who)) {
    if (who.speaks == language::undecided) {
      decide(who, now);
      if (who.speaks == language::undecided) break;
      continue;
    }
    if (who.in.has_line()) {
      if (!who.flood.may_go_on(settings_.flood, now.at)) {
        who.throttled_until = who.flood.when(settings_.flood, now.at);
        break;
      }
      if (must_wait_for_commit(who)) break;
    }
    // Asked to the end, the splitter gives its memory back.
    const std::optional<std::string_view> line = who.in.next_line();
    if (!line) break;
    who.flood.take(settings_.flood, line->size(), now.at);
    who.heard = now.at;  // it may have had to wait
    who.is_pinged = false;
    handle_line(who, *line, now);
  }
  if (who.is_closing()) return;
  if (who.in.overflowed()) return end(who, code::too_long, "a line is too long", now);
  if (who.is_at_end && !who.in.has_line() && !is_held_up(who) && !must_wait_for_commit(who)) finish_input(who, now);
  if (who.is_closing()) return;
  who.input.set(who.in.held().size());
  arm(who);
}

// The last line need not have an end.
void chat_machine::finish_input(member& who, moment now) {
  if (who.half_closed_since) return;
  if (who.speaks == language::undecided) {
    const std::optional<std::string_view> rest = who.in.take_rest();
    if (!rest) return end_with(who, {}, "it said nothing", now);
    const std::string line{*rest};
    if (!try_greeting(who, line, now)) greet_plain(who, now);
    if (who.speaks == language::plain && !who.is_closing()) handle_line(who, line, now);
  } else if (const std::optional<std::string_view> rest = who.in.take_rest()) {
    handle_line(who, std::string{*rest}, now);
  }
  if (who.is_closing()) return;
  if (who.speaks == language::plain) {
    who.half_closed_since = now.at;
  } else if (who.uncommitted == 0) {
    end(who, code::quit, "", now);
  }
}

void chat_machine::decide(member& who, moment now) {
  const std::string_view held = who.in.held();
  if (held.empty()) return;
  if (held.front() == tls_first_octet) return end_with(who, tls_alert, "it speaks TLS", now);
  if (!begins_as_greeting(held) || who.in.overflowed()) return greet_plain(who, now);
  const std::optional<std::string_view> line = who.in.next_line();
  if (!line) return;
  const std::string first{*line};
  if (try_greeting(who, first, now)) return;
  greet_plain(who, now);
  if (!who.is_closing()) handle_line(who, first, now);
}

bool chat_machine::may_be_greeting(const member& who) noexcept {
  return who.is_first_line && begins_as_greeting(who.in.held());
}

void chat_machine::greet_plain(member& who, moment now) {
  who.speaks = language::plain;
  who.in.become(framing::plain);
  if (!may_speak_language(who, language::plain, now)) return;
  (void)claim_own_nick(who, now);
  observer_.on_named(who);
  if (!settings_.motd.empty()) say(who, events::notice{settings_.motd});
  room* const into =
      find_or_make_room(who.allows_room(default_room) ? std::string{default_room} : who.rights->rooms.front());
  if (into == nullptr) return end(who, code::busy, "there are too many rooms", now);
  into->add(who);
  follow(who, *into, into->log.next());
  if (!who.is_guest()) note_came(*into, who.nick, now);
}

// The first line, if it is a greeting.
bool chat_machine::try_greeting(member& who, std::string_view line, moment now) {
  const auto greeting = parse_hello(line);
  if (!greeting) return false;
  if (who.where != nullptr) {
    leave(who, now);
    who.out.drop();  // it is in the other language
  }
  who.speaks = language::structured;
  who.is_first_line = false;
  who.in.become(framing::structured);
  if (!may_speak_language(who, language::structured, now)) return true;
  if (const auto* const wrong = std::get_if<complaint>(&*greeting)) {
    end(who, wrong->what, wrong->text, now);
  } else {
    handle(who, std::get<requests::hello>(*greeting), {}, now);
  }
  return true;
}

void chat_machine::handle_line(member& who, std::string_view line, moment now) {
  const auto perform = [&](const request& what, const std::string& tag) {
    std::visit([&](const auto& one) { handle(who, one, tag, now); }, what);
  };
  if (who.speaks == language::structured) {
    if (line.empty()) return;
    const auto parsed = parse_request(line);
    if (const auto* const wrong = std::get_if<complaint>(&parsed)) {
      return complain(who, wrong->what, wrong->text, wrong->tag);
    }
    const auto& asked = std::get<tagged_request>(parsed);
    return perform(asked.what, asked.tag);
  }
  if (std::exchange(who.is_first_line, false)) {
    if (is_http_request(line)) return end_with(who, http_answer, "it speaks HTTP", now);
    if (begins_as_greeting(line) && try_greeting(who, line, now)) return;
  }
  if (line.empty()) return;
  const auto parsed = parse_plain(line);
  if (const auto* const wrong = std::get_if<complaint>(&parsed)) return complain(who, wrong->what, wrong->text, {});
  perform(std::get<request>(parsed), {});
}

// What it has yet to be sent stays, and these are the last words.
void chat_machine::end(member& who, code why, std::string_view text, moment now) {
  if (who.is_closing()) return;
  retire(who, why, text, now);
  say(who, events::bye{why, std::string{text}});
}

// The last words come after no more than the line that has begun.
void chat_machine::end_at_once(member& who, code why, std::string_view text, moment now) {
  if (who.is_closing()) return;
  retire(who, why, text, now);
  who.out.drop();
  say(who, events::bye{why, std::string{text}});
}

// Words of another language, for somebody who speaks none of ours.
void chat_machine::end_with(member& who, std::string_view last_words, std::string_view why, moment now) {
  retire(who, code::bad_request, why, now);
  who.out.drop();
  who.out.say(last_words);
  note_news(who);
}

// From here on it is in no room, and nobody.
void chat_machine::retire(member& who, code why, std::string_view text, moment now) {
  observer_.on_close(who, why, text);
  who.closing_since = now.at;
  if (who.where != nullptr) leave(who, now);
  if (!who.nick.empty()) nicks_.erase(fold(who.nick));
  who.in = {};
  who.input.set(0);
  arm(who);
  note_news(who);
  who.wake();
}

void chat_machine::end_all(code why, std::string_view text, moment now) {
  for (const auto& [number, one] : members_) end(*one, why, text, now);
}

void chat_machine::abort_all() {
  for (const auto& [number, one] : members_) one->abort();
}

}  // namespace tcptools::chat
