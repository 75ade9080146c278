// What the operator of a server does and asks.
#include <algorithm>
#include <utility>

#include "tcptools/chat/chat_machine.hpp"
#include "tcptools/chat/limits.hpp"
#include "tcptools/chat/names.hpp"
#include "tcptools/chat/safe_text.hpp"

namespace tcptools::chat {

member* chat_machine::find(std::string_view name) const {
  if (const auto found = nicks_.find(fold(name)); found != nicks_.end()) return found->second;
  const auto found = peers_.find(name);
  return found == peers_.end() || found->second->is_closing() ? nullptr : found->second;
}

member* chat_machine::find_number(std::uint64_t number) const {
  const auto found = members_.find(number);
  return found == members_.end() || found->second->is_closing() ? nullptr : found->second;
}

void chat_machine::kick(member& who, std::string_view reason, moment now) {
  const std::string safe = safe_text(cut_to(reason, limits::reason));
  end(who, code::kicked, safe.empty() ? "the operator ended this session" : std::string_view{safe}, now);
}

std::size_t chat_machine::ban(const std::string& address, moment now) {
  banned_.insert(address);
  std::size_t ended = 0;
  for (const auto& [number, one] : members_) {
    if (one->address != address || one->is_closing()) continue;
    end(*one, code::refused, "this address is banned", now);
    ++ended;
  }
  return ended;
}

std::vector<const member*> chat_machine::all() const {
  std::vector<const member*> found;
  for (const auto& [number, one] : members_) {
    if (!one->is_closing()) found.push_back(one);
  }
  std::ranges::sort(found, {}, &member::number);
  return found;
}

std::vector<const room*> chat_machine::rooms() const {
  std::vector<const room*> found;
  found.reserve(rooms_.size());
  for (const auto& [name, one] : rooms_) found.push_back(one.get());
  return found;
}

chat_machine::counts chat_machine::count() const { return {members_.size(), rooms_.size(), messages_, use_.bytes}; }

result<void> chat_machine::say_as_operator(const std::string& name, std::string_view text, moment now) {
  const std::string safe = safe_text(text);
  if (safe.size() > limits::text) return error{errc::too_large, "the text is too long"};
  if (safe.empty()) return {};
  room* const into = find_or_make_room(name);
  if (into == nullptr) return error{errc::busy, "there are too many rooms"};
  post(*into, {name, 0, now.wall, std::string{operator_name}, safe, {}}, {}, nullptr, now);
  return {};
}

result<void> chat_machine::tell_as_operator(member& to, std::string_view text, moment now) {
  std::string safe = safe_text(text);
  if (safe.size() > limits::text) return error{errc::too_large, "the text is too long"};
  if (safe.empty()) return {};
  say(to, events::direct{now.wall, std::string{operator_name}, std::string{to.name()}, std::move(safe)});
  return {};
}

}  // namespace tcptools::chat
