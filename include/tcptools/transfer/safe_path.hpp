// The one place where a path from the network is judged. docs/protocol.md, "OFFER".
#pragma once

#include <string_view>

#include "tcptools/base/result.hpp"

namespace tcptools::transfer {

// The folder of unfinished transfers inside the receiver's directory; no path may lead into it.
inline constexpr std::string_view private_directory = ".tcpsend";

// Fails with errc::name_rejected and a text that shows the path safely and says which rule it breaks.
[[nodiscard]] result<void> check_path(std::string_view path);

}  // namespace tcptools::transfer
