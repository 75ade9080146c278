// What a descriptor is connected to, and what the environment says of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace tcptools::cli {

[[nodiscard]] bool is_terminal(int descriptor) noexcept;

// Somebody is there to type and to read: standard input and output are terminals.
[[nodiscard]] bool is_interactive() noexcept;

// Standard input, output and error are open from here, on /dev/null where they were not: a socket must not become one.
void keep_standard_descriptors() noexcept;

// Columns; 80 where the terminal does not say.
[[nodiscard]] std::size_t terminal_width(int descriptor) noexcept;

// Lines; 24 where the terminal does not say.
[[nodiscard]] std::size_t terminal_height(int descriptor) noexcept;

// Whether this process may read from its terminal, and change its mode: any other is stopped by the attempt.
[[nodiscard]] bool in_foreground(int terminal) noexcept;

// The value of an environment variable, "" where it is not set.
[[nodiscard]] std::string_view environment(const char* name);

// How often a process in the background looks whether it still is: nobody tells it.
inline constexpr std::chrono::milliseconds background_pause{300};

}  // namespace tcptools::cli
