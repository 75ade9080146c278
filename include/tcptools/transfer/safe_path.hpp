// The one place where a path from the network is judged. docs/protocol.md, "OFFER".
#pragma once

#include <string_view>

#include "tcptools/base/result.hpp"

namespace tcptools::transfer {

// The folder of unfinished transfers inside the receiver's directory; no path may lead into it.
inline constexpr std::string_view private_directory = ".tcpsend";

// Fails with errc::name_rejected and a text that shows the path safely and says which rule it breaks.
[[nodiscard]] result<void> check_path(std::string_view path);

// The last component of a path, and what is before it (empty: nothing).
[[nodiscard]] std::string_view leaf_of(std::string_view path) noexcept;
[[nodiscard]] std::string_view parent_of(std::string_view path) noexcept;

}  // namespace tcptools::transfer
