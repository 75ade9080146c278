#include "tcptools/chat/send_keys.hpp"

#include <chrono>

#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

std::string full_key(std::string_view room, std::string_view key) {
  std::string full{room};
  full += '\0';
  return full.append(key);
}

}  // namespace

std::optional<std::uint64_t> send_keys::find(std::string_view room, std::string_view key) const {
  const auto found = ids_.find(full_key(room, key));
  return found == ids_.end() ? std::nullopt : std::optional{found->second};
}

void send_keys::add(std::string_view room, std::string_view key, std::uint64_t id, wall_time now) {
  std::string full = full_key(room, key);
  if (!ids_.try_emplace(full, id).second) return;
  ages_.push_back({std::move(full), now});
  while (ids_.size() > most_) {
    ids_.erase(ages_.front().full);
    ages_.pop_front();
  }
}

wall_time send_keys::expire(wall_time now) {
  const wall_time from = now - std::chrono::milliseconds{limits::key_life}.count();
  while (!ages_.empty() && ages_.front().time < from) {
    ids_.erase(ages_.front().full);
    ages_.pop_front();
  }
  return from;
}

void send_keys::forget_room(std::string_view room) {
  const std::string prefix = full_key(room, {});
  std::erase_if(ids_, [&prefix](const auto& one) { return one.first.starts_with(prefix); });
  std::erase_if(ages_, [&prefix](const age& one) { return one.full.starts_with(prefix); });
}

}  // namespace tcptools::chat
