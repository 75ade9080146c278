#include "tcptools/chat/room_log.hpp"

#include <algorithm>
#include <utility>

#include "tcptools/chat/plain_protocol.hpp"

namespace tcptools::chat {

room_log::room_log(memory_use& use, std::string room, std::string epoch, std::uint64_t next, history_bounds bounds)
    : room_{std::move(room)}, epoch_{std::move(epoch)}, bounds_{bounds}, next_{next}, structured_{use}, plain_{use} {}

void room_log::append(wall_time time, std::string_view from, std::string_view text) {
  last_time_ = std::max(last_time_, time);
  entries_.push_back({structured_.head(), last_time_});
  line_.clear();
  append_message(line_, room_, next_, last_time_, from, text);
  structured_.append(line_);
  if (writes_plain_) {
    line_.clear();
    append_plain_message(line_, from, text);
    plain_.append(line_);
  }
  ++next_;
  while (!entries_.empty() && (entries_.size() > bounds_.messages || kept_bytes() > bounds_.bytes))
    entries_.pop_front();
  release();
}

std::size_t room_log::kept_bytes() const noexcept {
  return entries_.empty() ? 0 : static_cast<std::size_t>(structured_.head() - entries_.front().begin);
}

void room_log::forget_half() {
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>((entries_.size() + 1) / 2));
  release();
}

void room_log::release() {
  structured_.release_before(position_of(oldest()));
  plain_.release_before(plain_.head());
}

line_log::position room_log::position_of(std::uint64_t id) const {
  const auto at = static_cast<std::size_t>(id - oldest());
  return at < entries_.size() ? entries_[at].begin : structured_.head();
}

room_log::start room_log::find(const std::optional<since>& from, wall_time now) const {
  if (!from) return {next_, 0, true};
  if (from->ago) {
    const wall_time earliest = now - std::chrono::duration_cast<std::chrono::milliseconds>(*from->ago).count();
    const auto first = std::ranges::lower_bound(entries_, earliest, {}, &entry::time);
    return {oldest() + static_cast<std::uint64_t>(first - entries_.begin()), 0, true};
  }
  if (!from->epoch.empty() && from->epoch != epoch_) return {oldest(), 0, false};
  const std::uint64_t seen = from->id.value_or(0);
  if (seen >= next_) return {next_, 0, true};
  if (seen + 1 < oldest()) return {oldest(), seen == 0 ? 0 : oldest() - seen - 1, true};
  return {seen + 1, 0, true};
}

}  // namespace tcptools::chat
