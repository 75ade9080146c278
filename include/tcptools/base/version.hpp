// The version of the tools, as CMakeLists.txt states it.
#pragma once

#include <string_view>

namespace tcptools {

// "0.1.0".
[[nodiscard]] std::string_view version() noexcept;

}  // namespace tcptools
