#include "tcptools/chat/names.hpp"

#include <algorithm>
#include <array>

#include "tcptools/chat/limits.hpp"

namespace tcptools::chat {
namespace {

constexpr std::array<std::string_view, 10> reserved{"admin",    "all",  "everyone", "here",   "me",
                                                    "operator", "root", "server",   "system", "tcpchat"};
constexpr std::string_view reserved_beginning = "guest";

// Not those of <cctype>, which depend on the locale.
char to_small(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_small(char c) noexcept { return c >= 'a' && c <= 'z'; }
bool is_name_character(char c) noexcept {
  return is_small(to_small(c)) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool is_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= limits::name && std::ranges::all_of(name, is_name_character);
}

}  // namespace

std::optional<std::string> canonical_room(std::string_view name) {
  if (name.starts_with('#')) name.remove_prefix(1);
  if (!is_name(name)) return std::nullopt;
  return fold(name);
}

bool is_nick(std::string_view name) noexcept { return is_name(name) && is_small(to_small(name.front())); }

bool is_reserved_nick(std::string_view name) {
  const std::string folded = fold(name);
  return folded.starts_with(reserved_beginning) || std::ranges::find(reserved, folded) != reserved.end();
}

bool is_epoch(std::string_view text) noexcept {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == limits::epoch && std::ranges::all_of(text, is_digit);
}

std::string fold(std::string_view name) {
  std::string folded{name};
  std::ranges::transform(folded, folded.begin(), to_small);
  return folded;
}

}  // namespace tcptools::chat
