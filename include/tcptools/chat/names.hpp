// Which names rooms and people may have. docs/chat-protocol.md, "Terms".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tcptools::chat {

inline constexpr std::string_view default_room = "lobby";
inline constexpr std::string_view operator_name = "operator";

// The room's name as it is kept: small letters, no '#' in front. Nothing if no room may be called that.
[[nodiscard]] std::optional<std::string> canonical_room(std::string_view name);

// 1 to 32 of A-Z a-z 0-9 . _ -, the first a letter; reserved or not.
[[nodiscard]] bool is_nick(std::string_view name) noexcept;

// "operator", "Guest7": well-formed names that nobody may take.
[[nodiscard]] bool is_reserved_nick(std::string_view name);

// What names one life of a room's log: 16 hexadecimal digits, small letters.
[[nodiscard]] bool is_epoch(std::string_view text) noexcept;

// Two names that fold to the same one are the same name: small letters.
[[nodiscard]] std::string fold(std::string_view name);

}  // namespace tcptools::chat
