// What standard error is connected to.
#pragma once

#include <cstddef>

namespace tcptools::cli {

[[nodiscard]] bool is_terminal(int descriptor) noexcept;

// Columns; 80 where the terminal does not say.
[[nodiscard]] std::size_t terminal_width(int descriptor) noexcept;

}  // namespace tcptools::cli
