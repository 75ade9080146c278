// What the machine does because time has passed.
#include <algorithm>

#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/plain_protocol.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

// There is nothing in it but that the reader came, or has another name.
bool is_about(const events::presence& told, const member& reader) noexcept {
  if (told.more > 0 || told.joined.size() != 1 || told.joined.front() != reader.nick) return false;
  return told.left.empty() || (told.left.size() == 1 && told.left.front() == reader.nick_before);
}

}  // namespace

chat_machine::clock::time_point chat_machine::due_for(const member& who) const {
  if (who.closing_since) return *who.closing_since + limits::goodbye_wait;
  if (who.half_closed_since) return *who.half_closed_since + limits::half_closed_wait;
  auto soonest = clock::time_point::max();
  if (who.speaks == language::undecided) {
    const bool may_be_plain = who.is_encrypted || settings_.in_clear.plain;
    const bool is_silent = who.in.held().empty() && may_be_plain;
    soonest = who.opened + (is_silent ? clock::duration{limits::silent_start} : limits::first_line_wait);
  } else if (who.speaks == language::structured) {
    soonest = who.heard + (who.is_pinged ? clock::duration{limits::silence} : limits::ping_interval);
  } else {
    soonest = unterminated_due(who);
  }
  if (who.in.has_line() && !is_held_up(who)) soonest = std::min(soonest, who.throttled_until);
  if (who.is_at_end) soonest = std::min(soonest, who.heard + limits::silence);
  return soonest;
}

// When what has no line end becomes a message. One that begins within a character is never complete.
chat_machine::clock::time_point chat_machine::unterminated_due(const member& who) {
  const std::string_view held = who.in.held();
  if (held.size() == unfinished_at_end(held) || who.in.has_line()) return clock::time_point::max();
  const clock::time_point quiet = who.heard + limits::quiet_gap;
  return may_be_greeting(who) ? std::max(quiet, who.opened + limits::first_line_wait) : quiet;
}

// A member is looked at no later than it is due; one that is looked at too early is looked at again.
void chat_machine::arm(member& who) {
  const clock::time_point when = due_for(who);
  if (when >= who.armed) return;
  who.armed = when;
  dues_.push({when, who.number});
  // Times that were overtaken by earlier ones stay in the queue, up to a bound.
  if (dues_.size() <= 4 * members_.size() + limits::stale_dues) return;
  dues_ = {};
  for (const auto& [number, one] : members_) {
    if (one->armed != clock::time_point::max()) dues_.push({one->armed, number});
  }
}

chat_machine::clock::time_point chat_machine::next_due() const {
  clock::time_point soonest = dues_.empty() ? clock::time_point::max() : dues_.top().when;
  for (const room* const one : presence_news_) soonest = std::min(soonest, *one->presence.due());
  return soonest;
}

void chat_machine::on_time(moment now) {
  while (!dues_.empty() && dues_.top().when <= now.at) {
    const due one = dues_.top();
    dues_.pop();
    const auto found = members_.find(one.number);
    if (found == members_.end() || found->second->armed != one.when) continue;
    member& who = *found->second;
    who.armed = clock::time_point::max();
    if (due_for(who) <= now.at) look_at(who, now);
    arm(who);
  }
  const auto is_due = [now](const room* one) { return *one->presence.due() <= now.at; };
  std::vector<room*> due_rooms;
  std::ranges::copy_if(presence_news_, std::back_inserter(due_rooms), is_due);
  std::erase_if(presence_news_, is_due);
  for (room* const one : due_rooms) tell_presence(*one, now);
}

void chat_machine::look_at(member& who, moment now) {
  if (who.closing_since) {
    who.abort();
    // Whoever has the connection closes it, and until then it need not be looked at.
    who.closing_since = now.at;
    return;
  }
  if (who.half_closed_since) return end(who, code::quit, "", now);
  const bool is_stuck = who.is_at_end && now.at >= who.heard + limits::silence;
  if (is_stuck) return end_at_once(who, code::timed_out, "you have not read what there is for you", now);
  if (who.speaks == language::undecided) {
    greet_plain(who, now);
    process(who, now);
    return;
  }
  if (who.speaks == language::plain) {
    if (now.at >= unterminated_due(who)) {
      const bool may_speak = !is_held_up(who) && who.flood.may_go_on(settings_.flood, now.at);
      if (!may_speak || must_wait_for_commit(who)) {
        who.heard = now.at;  // the next time, then
      } else if (const auto text = who.in.take_unterminated()) {
        const std::string line{*text};
        who.flood.take(settings_.flood, line.size(), now.at);
        handle_line(who, line, now);
      }
    }
  } else if (now.at >= who.heard + limits::silence) {
    return end_at_once(who, code::timed_out, "nothing was heard of you", now);
  } else if (!who.is_pinged && now.at >= who.heard + limits::ping_interval) {
    who.is_pinged = true;
    say(who, events::ping{});
  }
  if (who.is_closing()) return;
  process(who, now);
  if (wants_input(who)) who.wake();
}

void chat_machine::tell_presence(room& where, moment now) {
  events::presence told = where.presence.take(now.at);
  if (told.joined.empty() && told.left.empty() && told.more == 0) return drop_if_empty(where);
  told.room = where.log.room();
  told.members = where.members.size();
  std::string structured;
  append_line(structured, told);
  std::string plain;
  append_plain(plain, told, {});
  for (member* const one : where.members) {
    const bool lags = one->backlog() > limits::unread_answers / 4;
    if (!one->presence || lags || is_about(told, *one)) continue;
    one->out.say(one->speaks == language::plain ? plain : structured);
    note_news(*one);
  }
  drop_if_empty(where);
}

}  // namespace tcptools::chat
