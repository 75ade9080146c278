#include "tcptools/transfer/outbox.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/transfer/limits.hpp"
#include "tcptools/transfer/protocol.hpp"

namespace tcptools::transfer {

void outbox::put(byte_buffer frames) {
  const byte_view all{frames};
  put(piece{std::move(frames), nullptr, {all}, all.size()});
}

void outbox::put(piece frames) {
  waiting_bytes_ += frames.size;
  waiting_.push_back({std::move(frames), 0});
}

void outbox::put_blocks(std::uint32_t id, piece blocks) {
  waiting_bytes_ += blocks.size;
  waiting_.push_back({std::move(blocks), id});
  ++waiting_for_any_;
  ++entries_[id].waiting;
  has_had_blocks_ = true;
}

void outbox::close_entry(std::uint32_t id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.is_closed = true;
  settle(id, found->second);
}

void outbox::forget_entry(std::uint32_t id) {
  entries_.erase(id);
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->id != id) {
      ++at;
      continue;
    }
    waiting_bytes_ -= at->content.size;
    --waiting_for_any_;
    at = waiting_.erase(at);
  }
}

outbox::connection_id outbox::join() {
  const connection_id fresh = ++last_joined_;
  joined_.insert(fresh);
  for (const auto& [id, entry] : entries_) {
    if (needs_fence(entry)) fences_[fresh].push_back(id);
  }
  return fresh;
}

void outbox::leave(connection_id one) {
  joined_.erase(one);
  fences_.erase(one);
}

bool outbox::has_any_for(connection_id one) const {
  if (one == first) return !waiting_.empty();
  return waiting_for_any_ > 0 || fences_.contains(one);
}

bool outbox::has_rivals(connection_id one) const {
  if (one == first) return !joined_.empty() && !waiting_.empty() && waiting_.front().id != 0;
  return !fences_.contains(one);
}

std::optional<outbox::piece> outbox::take(connection_id one) {
  if (!has_any_for(one)) return std::nullopt;
  if (one == first) return take_at(waiting_.begin(), one);
  if (const auto due = fences_.extract(one); !due.empty()) {
    piece said;
    for (const std::uint32_t id : due.mapped()) encode(frames::fence{id}, said.frames);
    said.views.emplace_back(said.frames);
    said.size = said.frames.size();
    under_way_ += said.size;
    return said;
  }
  return take_at(std::ranges::find_if(waiting_, [](const waiting_piece& it) { return it.id != 0; }), one);
}

outbox::piece outbox::take_at(const std::deque<waiting_piece>::iterator& at, connection_id one) {
  waiting_piece taken = std::move(*at);
  waiting_.erase(at);
  waiting_bytes_ -= taken.content.size;
  under_way_ += taken.content.size;
  if (taken.id == 0) return std::move(taken.content);
  --waiting_for_any_;
  open_entry& entry = entries_.at(taken.id);
  --entry.waiting;
  if (one != first) entry.was_joined = true;
  settle(taken.id, entry);
  return std::move(taken.content);
}

// No connection will carry more of it: that those at work have not lost some is for each of them to say.
void outbox::settle(std::uint32_t id, const open_entry& entry) {
  if (!needs_fence(entry)) return;
  for (const connection_id one : joined_) fences_[one].push_back(id);
}

void outbox::on_written(std::size_t size) noexcept { under_way_ -= size; }

// Enough waits for whoever comes next, or all connections together hold a lot.
bool outbox::is_full() const noexcept {
  return waiting_bytes_ >= limits::waiting_words || size() >= limits::words_at_work;
}

void outbox::clear() {
  waiting_.clear();
  waiting_bytes_ = waiting_for_any_ = 0;
  entries_.clear();
  fences_.clear();
}

}  // namespace tcptools::transfer
