// Who has something new to be sent, and who is too far behind for it.
#include <algorithm>
#include <utility>

#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {

void chat_machine::take_news(std::vector<member*>& into, moment now) {
  if (use_.bytes > settings_.max_memory) enforce_memory(now);
  for (room* const one : room_news_) {
    one->has_news = false;
    for (std::size_t at = 0; at < one->members.size();) {
      member& reader = *one->members[at];
      const bool is_too_slow = reader.is_blocked && reader.behind() > settings_.max_backlog;
      if (is_too_slow) {
        end_at_once(reader, code::too_slow, "more was said than you have read and the server keeps", now);
        continue;  // another one is at its place now
      }
      if (!reader.is_blocked && !reader.is_dirty) into.push_back(&reader);
      ++at;
    }
  }
  room_news_.clear();
  for (member* const one : news_) {
    const bool is_too_slow = one->is_blocked && one->behind() > settings_.max_backlog;
    if (is_too_slow && !one->is_closing()) {
      end_at_once(*one, code::too_slow, "more was said to you than you have read and the server keeps", now);
    }
    one->is_dirty = false;  // only now: what it is told here is on its way
    into.push_back(one);
  }
  news_.clear();
}

// History may have half of the memory. Of the other half, whoever takes most goes first; then all history but a little.
void chat_machine::enforce_memory(moment now) {
  const auto kept = [this] {
    std::size_t bytes = 0;
    for (const auto& [name, one] : rooms_) bytes += one->log.kept_bytes();
    return bytes;
  };
  while (kept() > settings_.max_memory / 2 && forget_some_history()) {
  }
  for (const std::size_t worth_ending : {256U << 10U, 64U << 10U, 16U << 10U, 4U << 10U}) {
    while (use_.bytes > settings_.max_memory) {
      member* const worst = largest_member(worth_ending);
      if (worst == nullptr) break;
      end_at_once(*worst, code::too_slow, "the server is short of memory", now);
    }
  }
  while (use_.bytes > settings_.max_memory && forget_some_history()) {
  }
}

member* chat_machine::largest_member(std::size_t more_than) const {
  member* worst = nullptr;
  std::size_t most = more_than;
  for (const auto& [number, one] : members_) {
    const std::size_t held = one->out.answers() + one->kept_for_it() + one->input.bytes();
    if (one->is_closing() || held <= most) continue;
    most = held;
    worst = one;
  }
  return worst;
}

bool chat_machine::forget_some_history() {
  const auto kept = [](const auto& one) { return one.second->log.kept_bytes(); };
  const auto largest = std::ranges::max_element(rooms_, {}, kept);
  if (largest == rooms_.end() || kept(*largest) <= limits::segment) return false;
  largest->second->log.forget_half();
  return true;
}

void chat_machine::note_news(member& who) {
  if (std::exchange(who.is_dirty, true)) return;
  news_.push_back(&who);
}

void chat_machine::note_news(room& where) {
  if (std::exchange(where.has_news, true)) return;
  room_news_.push_back(&where);
}

}  // namespace tcptools::chat
