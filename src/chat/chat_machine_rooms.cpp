// Rooms: who enters and leaves, and how a message gets into the log.
#include <algorithm>
#include <utility>

#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {
namespace {

std::string full_key(const stored_message& message) { return message.room + '\0' + message.key; }

}  // namespace

room* chat_machine::find_room(std::string_view name) const {
  const auto found = rooms_.find(name);
  return found == rooms_.end() ? nullptr : found->second.get();
}

room* chat_machine::find_or_make_room(const std::string& name) {
  if (room* const found = find_room(name)) return found;
  if (rooms_.size() >= limits::rooms) {
    // The one that was silent longest, of those that nobody is in.
    room* oldest = nullptr;
    for (const auto& [other, one] : rooms_) {
      if (!one->members.empty() || one->uncommitted > 0) continue;
      if (oldest == nullptr || one->log.last_time() < oldest->log.last_time()) oldest = one.get();
    }
    if (oldest == nullptr) return nullptr;
    forget(*oldest);
  }
  auto made = std::make_unique<room>(use_, name, random_epoch(), 1, settings_.history);
  return rooms_.emplace(name, std::move(made)).first->second.get();
}

void chat_machine::forget(room& one) {
  const std::string name = one.log.room();
  keys_.forget_room(name);
  if (one.is_stored) forgotten_.push_back(name);
  std::erase(room_news_, &one);
  std::erase(presence_news_, &one);
  rooms_.erase(name);
}

void chat_machine::drop_if_empty(room& one) {
  const bool has_had_messages = one.log.next() > 1;
  if (one.members.empty() && !has_had_messages && one.uncommitted == 0) forget(one);
}

void chat_machine::note_came(room& where, const std::string& name, moment now) {
  const bool was_due = where.presence.due().has_value();
  where.presence.came(name, now.at);
  if (!was_due && where.presence.due()) presence_news_.push_back(&where);
}

void chat_machine::note_left(room& where, const std::string& name, moment now) {
  const bool was_due = where.presence.due().has_value();
  where.presence.went(name, now.at);
  if (!was_due && where.presence.due()) presence_news_.push_back(&where);
}

void chat_machine::enter(member& who, room& into, const std::optional<since>& from, const std::string& tag,
                         moment now) {
  const bool is_there = who.where == &into;
  if (who.where != nullptr && !is_there) leave(who, now);
  if (!is_there) into.add(who);
  const room_log::start start = into.log.find(from, now.wall);
  who.out.unfollow();
  say(who,
      events::joined{into.log.room(), into.log.epoch(), into.log.next(), start.lost, start.resumed,
                     into.members.size()},
      tag);
  follow(who, into, start.first);
  if (!is_there && who.presence && !who.is_guest()) note_came(into, who.nick, now);
}

void chat_machine::follow(member& who, room& into, std::uint64_t first) {
  if (who.speaks == language::plain) {
    const line_log& lines = into.log.plain();
    who.out.follow(lines, lines.cursor_at(lines.head()));
  } else {
    const line_log& lines = into.log.structured();
    who.out.follow(lines, lines.cursor_at(into.log.position_of(first)));
  }
  note_news(who);
}

void chat_machine::leave(member& who, moment now) {
  room& from = *who.where;
  who.out.unfollow();
  from.remove(who);
  who.nick_before.clear();
  if (who.presence && !who.is_guest()) note_left(from, who.nick, now);
  drop_if_empty(from);
}

void chat_machine::post(room& into, stored_message message, const std::string& tag, member* sender, moment now) {
  if (!message.key.empty()) {
    (void)keys_.expire(now.wall);
    if (const auto id = keys_.find(message.room, message.key)) return acknowledge(sender, into, *id, true, tag);
  }
  if (!settings_.is_stored) {
    message.id = into.log.next();
    if (!message.key.empty()) keys_.add(message.room, message.key, message.id, now.wall);
    publish(into, message, sender);
    return acknowledge(sender, into, message.id, false, tag);
  }
  waiter from{sender == nullptr ? 0 : sender->number, tag};
  if (sender != nullptr) ++sender->uncommitted;
  if (!message.key.empty()) {
    const auto [first, is_first] = repeats_.try_emplace(full_key(message));
    if (!is_first) {
      ++repeats_waiting_;
      first->second.push_back(std::move(from));
      return;
    }
  }
  ++into.uncommitted;
  staged_bytes_ += message.text.size();
  staged_.push_back({std::move(message), std::move(from)});
}

bool chat_machine::must_wait_for_commit(member& who) {
  const bool is_full =
      staged_.size() + repeats_waiting_ >= limits::uncommitted_messages || staged_bytes_ >= limits::uncommitted_bytes;
  if (is_full && !std::exchange(who.waits_for_commit, true)) waiting_for_commit_.push_back(who.number);
  return is_full;
}

void chat_machine::publish(room& into, const stored_message& message, member* sender) {
  const line_log::position before = into.log.plain().head();
  into.log.append(message.time, message.from, message.text);
  const bool is_own_reader = sender != nullptr && sender->where == &into && sender->speaks == language::plain;
  if (is_own_reader) sender->out.skip_newest(before);
  ++messages_;
  note_news(into);
  observer_.on_message(sender, message.room, message.text);
}

void chat_machine::acknowledge(member* sender, const room& in, std::uint64_t id, bool repeat, const std::string& tag) {
  if (sender != nullptr && sender->speaks == language::structured) {
    say(*sender, events::ack{id, in.log.epoch(), repeat}, tag);
  }
}

history_batch chat_machine::take_batch(moment now) {
  history_batch batch;
  if (in_commit_ > 0 || !has_uncommitted()) return batch;
  committing_forgotten_ = std::exchange(forgotten_, {});
  batch.forgotten = committing_forgotten_;
  in_commit_ = staged_.size();
  std::map<std::string_view, std::uint64_t> next;
  for (staged& one : staged_) {
    room& into = *find_room(one.message.room);
    auto [at, is_first] = next.try_emplace(into.log.room(), into.log.next());
    if (is_first && !into.is_stored) batch.rooms.push_back({into.log.room(), into.log.epoch()});
    if (is_first && into.log.oldest() > into.pruned_to) {
      into.prunes_to = into.log.oldest();
      batch.pruned.push_back({into.log.room(), into.prunes_to});
    }
    one.message.id = at->second++;
    batch.messages.push_back(one.message);
  }
  batch.keys_from = keys_.expire(now.wall);
  return batch;
}

void chat_machine::on_committed(const result<void>& how, moment now) {
  has_commit_failed_ = !how;
  if (!how) forgotten_.insert(forgotten_.begin(), committing_forgotten_.begin(), committing_forgotten_.end());
  committing_forgotten_.clear();
  const auto end = staged_.begin() + static_cast<std::ptrdiff_t>(std::exchange(in_commit_, 0));
  const std::vector<staged> done{std::make_move_iterator(staged_.begin()), std::make_move_iterator(end)};
  staged_.erase(staged_.begin(), end);
  for (const staged& one : done) finish(one, how);

  // Who had to wait goes on; who is at its end may have nothing to wait for any more.
  for (const std::uint64_t number : std::exchange(waiting_for_commit_, {})) {
    const auto found = members_.find(number);
    if (found == members_.end()) continue;
    member& who = *found->second;
    who.waits_for_commit = false;
    if (who.is_closing()) continue;
    process(who, now);
    if (wants_input(who)) who.wake();
  }
}

// It is in the store, or will never be; whoever waits for it is told.
void chat_machine::finish(const staged& one, const result<void>& how) {
  const stored_message& message = one.message;
  room& into = *find_room(message.room);
  --into.uncommitted;
  staged_bytes_ -= message.text.size();
  if (how) {
    into.is_stored = true;
    into.pruned_to = into.prunes_to;
    if (!message.key.empty()) keys_.add(message.room, message.key, message.id, message.time);
    const auto sender = members_.find(one.sender.number);
    publish(into, message, sender == members_.end() ? nullptr : sender->second);
  }
  answer(one.sender, one, how, false);
  if (!message.key.empty()) {
    const auto repeats = repeats_.extract(full_key(message));
    repeats_waiting_ -= repeats.mapped().size();
    for (const waiter& again : repeats.mapped()) answer(again, one, how, true);
  }
  drop_if_empty(into);
}

void chat_machine::answer(const waiter& who, const staged& message, const result<void>& how, bool repeat) {
  const auto found = members_.find(who.number);
  if (found == members_.end()) return;
  member& sender = *found->second;
  --sender.uncommitted;
  if (sender.is_closing()) return;
  if (sender.is_at_end) waiting_for_commit_.push_back(sender.number);
  if (!how) return complain(sender, code::storage, how.error().text(), who.tag);
  acknowledge(&sender, *find_room(message.message.room), message.message.id, repeat, who.tag);
}

}  // namespace tcptools::chat
