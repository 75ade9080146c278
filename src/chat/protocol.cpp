#include "tcptools/chat/protocol.hpp"

#include <algorithm>
#include <array>

namespace tcptools::chat {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 16> code_words{
    "bad_request", "bad_name", "nick_in_use", "no_such_nick", "no_room", "too_long",      "refused", "kicked",
    "replaced",    "busy",     "too_slow",    "timed_out",    "storage", "shutting_down", "version", "quit",
};
static_assert(static_cast<std::size_t>(code::quit) + 1 == code_words.size());

}  // namespace

std::string_view to_text(code what) noexcept { return code_words.at(static_cast<std::size_t>(what)); }

std::optional<code> parse_code(std::string_view text) noexcept {
  const auto* const found = std::ranges::find(code_words, text);
  if (found == code_words.end()) return std::nullopt;
  return static_cast<code>(found - code_words.begin());
}

}  // namespace tcptools::chat
