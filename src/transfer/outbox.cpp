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
  settle(found);
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

outbox::connection_id outbox::join() noexcept {
  ++joined_;
  return ++last_joined_;
}

void outbox::leave(connection_id one) {
  --joined_;
  fences_.erase(one);
  for (auto& [id, entry] : entries_) entry.carriers.erase(one);
}

bool outbox::has_any_for(connection_id one) const {
  if (one == first) return !waiting_.empty();
  return waiting_for_any_ > 0 || fences_.contains(one);
}

bool outbox::has_rivals(connection_id one) const {
  if (one == first) return joined_ > 0 && !waiting_.empty() && waiting_.front().id != 0;
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

outbox::piece outbox::take_at(std::deque<waiting_piece>::iterator at, connection_id one) {
  waiting_piece taken = std::move(*at);
  waiting_.erase(at);
  waiting_bytes_ -= taken.content.size;
  under_way_ += taken.content.size;
  if (taken.id == 0) return std::move(taken.content);
  --waiting_for_any_;
  const auto entry = entries_.find(taken.id);
  --entry->second.waiting;
  if (one != first) entry->second.carriers.insert(one);
  settle(entry);
  return std::move(taken.content);
}

// No connection will carry more of it: those that did say so.
void outbox::settle(std::map<std::uint32_t, open_entry>::iterator at) {
  const open_entry& entry = at->second;
  if (!entry.is_closed || entry.waiting > 0) return;
  for (const connection_id one : entry.carriers) fences_[one].push_back(at->first);
  entries_.erase(at);
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
