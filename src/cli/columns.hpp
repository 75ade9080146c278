// How many columns characters take on a terminal.
#pragma once

#include <cstddef>
#include <optional>

namespace tcptools::cli {

// 0 for combining characters, 2 for wide ones; none for control characters and what is no character. The same in every
// locale.
[[nodiscard]] std::optional<std::size_t> columns_of(char32_t character) noexcept;

}  // namespace tcptools::cli
