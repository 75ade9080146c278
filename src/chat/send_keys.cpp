#include "tcptools/chat/send_keys.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {

std::optional<std::uint64_t> send_keys::find(std::string_view room, std::string_view key) const {
  const auto in = rooms_.find(std::string{room});
  if (in == rooms_.end()) return std::nullopt;
  const auto found = in->second.find(std::string{key});
  return found == in->second.end() ? std::nullopt : std::optional{found->second.id};
}

void send_keys::add(std::string_view room, std::string_view key, std::uint64_t id, wall_time now) {
  age added{std::string{room}, std::string{key}, last_number_ + 1, now};
  if (!rooms_[added.room].try_emplace(added.key, entry{id, added.number}).second) return;
  ++last_number_;
  ++size_;
  ages_.push_back(std::move(added));
  while (ages_.size() > most_) forget_oldest();
}

wall_time send_keys::expire(wall_time now) {
  const wall_time from = now - std::chrono::milliseconds{limits::key_life}.count();
  while (!ages_.empty() && ages_.front().time < from) forget_oldest();
  return ages_.size() < most_ ? from : std::max(from, ages_.front().time);
}

// Rooms are forgotten often where somebody makes one after the other: what that costs must not depend on other rooms.
void send_keys::forget_room(std::string_view room) {
  const auto in = rooms_.find(std::string{room});
  if (in == rooms_.end()) return;
  size_ -= in->second.size();
  rooms_.erase(in);
}

void send_keys::forget_oldest() {
  const age oldest = std::move(ages_.front());
  ages_.pop_front();
  const auto in = rooms_.find(oldest.room);
  if (in == rooms_.end()) return;
  const auto found = in->second.find(oldest.key);
  const bool is_of_this_life = found != in->second.end() && found->second.number == oldest.number;
  if (!is_of_this_life) return;
  in->second.erase(found);
  --size_;
  if (in->second.empty()) rooms_.erase(in);
}

}  // namespace tcptools::chat
