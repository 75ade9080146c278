// What rows of a history may hold, wherever they come from: a batch, or a database that somebody may have edited.
#pragma once

#include <cstdint>
#include <string_view>

#include "tcptools/chat/history_store.hpp"

namespace tcptools::chat {

// Beyond it numbers are no longer exact for many a reader of JSON (RFC 8259, 6), and so are ids.
inline constexpr std::uint64_t largest_id = (std::uint64_t{1} << 53U) - 1;

// A nickname, or the address of a guest.
[[nodiscard]] bool is_sender(std::string_view sender) noexcept;
[[nodiscard]] bool is_message_text(std::string_view text) noexcept;
[[nodiscard]] bool is_key(std::string_view key) noexcept;

// One number over all that a row holds but the number itself: SQLite does not notice when a disk changes a letter.
[[nodiscard]] std::uint32_t room_sum(std::string_view name, std::string_view epoch, std::uint64_t oldest,
                                     std::uint64_t next) noexcept;
[[nodiscard]] std::uint32_t message_sum(std::int64_t room, std::uint64_t id, wall_time time, std::string_view sender,
                                        std::string_view text) noexcept;
[[nodiscard]] std::uint32_t key_sum(std::int64_t room, std::string_view key, std::uint64_t id, wall_time time) noexcept;

}  // namespace tcptools::chat
