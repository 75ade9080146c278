// What a descriptor is connected to.
#pragma once

#include <cstddef>

namespace tcptools::cli {

[[nodiscard]] bool is_terminal(int descriptor) noexcept;

// Standard input, output and error are open from here, on /dev/null where they were not: a socket must not become one.
void keep_standard_descriptors() noexcept;

// Columns; 80 where the terminal does not say.
[[nodiscard]] std::size_t terminal_width(int descriptor) noexcept;

// Lines; 24 where the terminal does not say.
[[nodiscard]] std::size_t terminal_height(int descriptor) noexcept;

// Whether this process may read from its terminal, and change its mode: any other is stopped by the attempt.
[[nodiscard]] bool in_foreground(int terminal) noexcept;

}  // namespace tcptools::cli
