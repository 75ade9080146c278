#include "tcptools/chat/client_machine.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <type_traits>

#include "tcptools/base/text.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t quoted_of_strangers = 60;  // bytes
constexpr auto delay_of_greeting = 1s;           // which may have taken longer to arrive than the one before

error violation(std::string_view what) {
  return error{errc::protocol_violation, "the server broke the protocol: " + std::string{what}};
}

// What the server said about a failure, or the code's name if it said nothing.
std::string words_of(code what, const std::string& text) { return text.empty() ? std::string{to_text(what)} : text; }

bool is_room_message(const request& what) noexcept {
  const auto* const send = std::get_if<requests::send>(&what);
  return send != nullptr && send->to.empty();
}

error unanswered_error(const request& what) {
  const bool is_message = std::holds_alternative<requests::send>(what);
  return error{errc::connection_lost, is_message
                                          ? "the connection was lost before it was acknowledged; it may have arrived"
                                          : "the connection was lost before it was answered"};
}

}  // namespace

errc to_errc(code what) noexcept {
  switch (what) {
    case code::bad_request:
      return errc::protocol_violation;
    case code::bad_name:
      return errc::name_rejected;
    case code::nick_in_use:
      return errc::conflict;
    case code::too_long:
      return errc::too_large;
    case code::no_such_nick:
    case code::no_room:
    case code::refused:
    case code::kicked:
    case code::replaced:
      return errc::refused;
    case code::busy:
    case code::too_slow:
    case code::shutting_down:
      return errc::busy;
    case code::timed_out:
      return errc::timed_out;
    case code::storage:
      return errc::storage_failed;
    case code::version:
      return errc::version_unsupported;
    case code::quit:
      return errc::connection_lost;
  }
  return errc::protocol_violation;
}

error no_tcpchat_server(std::string_view said) {
  return error{errc::protocol_violation,
               "this is no tcpchat server: it said " + in_quotes(cut_to(said, quoted_of_strangers))};
}

client_machine::client_machine(settings chosen, std::string run)
    : settings_{std::move(chosen)},
      run_{std::move(run)},
      wanted_nick_{settings_.nick},
      room_{settings_.room},
      start_{settings_.since} {}

void client_machine::on_connected(clock::time_point now) {
  connected_at_ = now;
  phase_ = phase::greeting;
  said_hello_ = false;
  said_quit_ = false;
}

void client_machine::on_disconnected() {
  phase_ = phase::offline;
  owes_ping_ = false;
  owes_pong_.reset();
  for (auto one = asked_.begin(); one != asked_.end();) {
    asked& kept = one->second;
    if (kept.written && !is_room_message(kept.what)) {
      tell(news::failed{unanswered_error(kept.what)}, one->first);
      one = asked_.erase(one);
    } else {
      kept.written = false;
      ++one;
    }
  }
}

void client_machine::give_up(const error& why) {
  for (const auto& [number, kept] : asked_) tell(news::failed{why}, number);
  asked_.clear();
  on_disconnected();
}

// --- what the client wants

bool client_machine::has_room() const noexcept { return asked_.size() < limits::client_window; }

result<std::uint64_t> client_machine::ask(request what) {
  if (auto* const send = std::get_if<requests::send>(&what)) {
    if (const result<void> good = prepare(*send); !good) return good.error();
    if (send->to.empty()) {
      if (send->room.empty()) send->room = room_of_next_send();
      if (send->key.empty()) send->key = run_ + "." + std::to_string(last_number_ + 1);
    }
  }
  asked_.emplace(++last_number_, asked{std::move(what)});
  return last_number_;
}

result<void> client_machine::prepare(requests::send& what) {
  if (what.key.size() > limits::key) {
    return error{errc::usage, "the message's id has more than " + std::to_string(limits::key) + " bytes"};
  }
  what.text = safe_text(what.text);
  if (what.text.empty()) return error{errc::usage, "there is nothing in the message"};
  if (what.text.size() > limits::text) {
    return error{errc::too_large, "the message has " + std::to_string(what.text.size()) + " bytes; the limit is " +
                                      std::to_string(limits::text)};
  }
  return {};
}

std::string client_machine::room_of_next_send() const {
  std::string room = room_;
  for (const auto& [number, one] : asked_) {
    if (const auto* const join = std::get_if<requests::join>(&one.what)) room = join->room;
    if (std::holds_alternative<requests::leave>(one.what)) room.clear();
  }
  return room;
}

std::vector<tagged_request> client_machine::take_requests() {
  std::vector<tagged_request> all;
  if (phase_ == phase::offline) return all;
  if (!said_hello_) {
    said_hello_ = true;
    greeted_with_since_ = room_.empty() ? std::nullopt : resume_point();
    requests::hello hello;
    hello.nick = wanted_nick_;
    hello.room = room_;
    hello.since = greeted_with_since_;
    hello.presence = settings_.presence;
    hello.ticket = ticket_;
    all.push_back({std::move(hello), {}});
  }
  if (!welcomed()) return all;
  if (owes_pong_) all.push_back({requests::pong{}, *std::exchange(owes_pong_, std::nullopt)});
  if (std::exchange(owes_ping_, false)) all.push_back({requests::ping{}, {}});
  if (!ready() || said_quit_) return all;
  for (auto& [number, one] : asked_) {
    if (std::exchange(one.written, true)) continue;
    all.push_back({one.what, std::to_string(number)});
  }
  if (quitting_) {
    said_quit_ = true;
    all.push_back({requests::quit{}, {}});
  }
  return all;
}

std::optional<since> client_machine::resume_point() const {
  if (!epoch_.empty() && last_) return since{last_, epoch_, {}};
  if (!start_ || !start_->ago || !start_at_) return start_;
  // Nothing was seen: it begins where it did before.
  const auto passed = std::chrono::ceil<std::chrono::seconds>(connected_at_ - *start_at_);
  if (passed <= 0s) return start_;
  const auto grown = std::min(*start_->ago, limits::longest_ago) + passed + delay_of_greeting;
  return since{{}, {}, std::min<std::chrono::seconds>(grown, limits::longest_ago)};
}

// --- what the server says

result<void> client_machine::on_line(std::string_view line) {
  const auto parsed = parse_event(line);
  if (const auto* const wrong = std::get_if<complaint>(&parsed)) {
    return welcomed() ? violation(wrong->text) : no_tcpchat_server(line);
  }
  const auto& heard = std::get<std::optional<tagged_event>>(parsed);
  return heard ? on_event(*heard) : result<void>{};
}

result<void> client_machine::on_event(const tagged_event& heard) {
  const auto may_come_first = [](const auto& one) {
    using type = std::remove_cvref_t<decltype(one)>;
    return std::is_same_v<type, events::welcome> || std::is_same_v<type, events::error> ||
           std::is_same_v<type, events::bye> || std::is_same_v<type, events::notice> ||
           std::is_same_v<type, events::ping>;
  };
  if (finished_) return {};
  if (!welcomed() && !std::visit(may_come_first, heard.what)) return violation("it does not begin with a welcome");
  return std::visit(
      [&](const auto& what) -> result<void> {
        using type = std::remove_cvref_t<decltype(what)>;
        if constexpr (std::is_same_v<type, events::ping>) {
          owes_pong_ = heard.tag;
          return {};
        } else if constexpr (std::is_same_v<type, events::pong>) {
          return {};
        } else {
          return operate(what, find(heard.tag));
        }
      },
      heard.what);
}

client_machine::requests_by_number::iterator client_machine::find(std::string_view tag) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(tag.data(), tag.data() + tag.size(), number);
  const bool is_number = failure == std::errc{} && end == tag.data() + tag.size();
  const auto found = is_number ? asked_.find(number) : asked_.end();
  return found != asked_.end() && found->second.written ? found : asked_.end();
}

std::uint64_t client_machine::settle(requests_by_number::iterator answered) {
  if (answered == asked_.end()) return 0;
  const std::uint64_t number = answered->first;
  asked_.erase(answered);
  ++progress_;
  return number;
}

std::uint64_t client_machine::history_at_work() const {
  for (const auto& [number, one] : asked_) {
    if (one.written && std::holds_alternative<requests::history>(one.what)) return number;
  }
  return 0;
}

result<void> client_machine::operate(const events::welcome& what, requests_by_number::iterator /*answered*/) {
  if (phase_ != phase::greeting) return violation("it said welcome twice");
  if (what.version != protocol_version) {
    return error{errc::version_unsupported, "the server chose a version that was not offered"};
  }
  nick_ = what.nick;
  wanted_nick_ = is_nick(what.nick) ? what.nick : "";
  ticket_ = what.ticket;
  phase_ = room_.empty() ? phase::ready : phase::joining;
  tell(what);
  return {};
}

result<void> client_machine::operate(const events::joined& what, requests_by_number::iterator answered) {
  if (what.room.empty() || what.epoch.empty() || what.next == 0 || what.lost >= what.next) {
    return violation("it joined a room in a way that makes no sense");
  }
  std::optional<since> start;
  if (phase_ == phase::joining) {
    start = greeted_with_since_;
    phase_ = phase::ready;
  } else if (answered != asked_.end()) {
    if (const auto* const join = std::get_if<requests::join>(&answered->second.what)) start = join->since;
  }
  tell(what, settle(answered));
  begin_log(what, start);
  return {};
}

void client_machine::begin_log(const events::joined& what, const std::optional<since>& start) {
  const bool goes_on = start && start->id && (*start->id > 0 || !start->epoch.empty());
  room_ = what.room;
  epoch_ = what.epoch;
  replayed_below_ = what.next;
  last_.reset();
  start_ = start;
  start_at_ = connected_at_;
  if (!what.resumed) {
    // All that is kept follows, and to ask for it once more is no second loss.
    start_ = since{0, {}, {}};
    tell(news::lost{room_, std::nullopt});
  } else if (goes_on) {
    if (what.lost > 0) tell(news::lost{room_, what.lost});
    if (*start->id < what.next - what.lost) {
      last_ = *start->id + what.lost;
    } else {
      // The log is shorter than what was seen of it.
      last_ = what.next - 1;
      if (*start->id >= what.next) tell(news::lost{room_, std::nullopt});
    }
  } else if (!start || (start->ago && what.next == 1)) {  // nothing is replayed
    last_ = what.next - 1;
  }
}

result<void> client_machine::operate(const events::left& what, requests_by_number::iterator answered) {
  room_.clear();
  epoch_.clear();
  last_.reset();
  start_.reset();
  if (phase_ == phase::joining) phase_ = phase::ready;
  tell(what, settle(answered));
  return {};
}

result<void> client_machine::operate(const events::nick& what, requests_by_number::iterator answered) {
  nick_ = what.nick;
  wanted_nick_ = is_nick(what.nick) ? what.nick : "";
  tell(what, settle(answered));
  return {};
}

// While `history` is answered, only the id tells whether a message is the room's next or one that was asked for.
result<void> client_machine::operate(const events::message& what, requests_by_number::iterator /*answered*/) {
  const std::uint64_t history = history_at_work();
  const bool is_of_room = phase_ == phase::ready && !epoch_.empty() && what.room == room_;
  const bool is_next = is_of_room && (!last_ || what.id == *last_ + 1);
  if (!is_next && history != 0) {
    ++progress_;
    tell(news::message{what, {}, true, true}, history);
    return {};
  }
  if (!is_of_room || (last_ && what.id <= *last_)) return {};
  if (!is_next) tell(news::lost{room_, what.id - *last_ - 1});
  last_ = what.id;
  ++progress_;
  tell(news::message{what, epoch_, what.id < replayed_below_, false});
  return {};
}

result<void> client_machine::operate(const events::direct& what, requests_by_number::iterator /*answered*/) {
  ++progress_;
  tell(what);
  return {};
}

result<void> client_machine::operate(const events::ack& what, requests_by_number::iterator answered) {
  if (answered == asked_.end()) return {};
  const auto* const send = std::get_if<requests::send>(&answered->second.what);
  if (send == nullptr) return violation("an ack of what is no message");
  if (send->to.empty() != what.id.has_value()) return violation("an ack of another kind of message");
  tell(what, settle(answered));
  return {};
}

result<void> client_machine::operate(const events::presence& what, requests_by_number::iterator /*answered*/) {
  if (what.room == room_) tell(what);
  return {};
}

result<void> client_machine::operate(const events::member& what, requests_by_number::iterator answered) {
  if (answered == asked_.end()) return {};
  ++progress_;
  tell(what, answered->first);
  return {};
}

result<void> client_machine::operate(const events::end& what, requests_by_number::iterator answered) {
  if (answered != asked_.end()) tell(what, settle(answered));
  return {};
}

result<void> client_machine::operate(const events::notice& what, requests_by_number::iterator /*answered*/) {
  tell(what);
  return {};
}

result<void> client_machine::operate(const events::error& what, requests_by_number::iterator answered) {
  const error why{to_errc(what.what), words_of(what.what, what.text)};
  if (answered != asked_.end()) {
    tell(news::failed{why}, settle(answered));
  } else if (!ready()) {
    return why.in("the server did not accept the greeting");
  } else {
    tell(news::failed{why});
  }
  return {};
}

result<void> client_machine::operate(const events::bye& what, requests_by_number::iterator /*answered*/) {
  if (said_quit_ && what.what == code::quit) {
    finished_ = true;
    return {};
  }
  const std::string words = words_of(what.what, what.text);
  return error{to_errc(what.what),
               welcomed() ? "the server ended the session: " + words : "the server turned this client away: " + words};
}

}  // namespace tcptools::chat
