// What a client that speaks in the clear hears of a server that wants TLS.
#pragma once

#include <string>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/error.hpp"

namespace tcptools::net {

// Whether what a server said first can only be an alert of TLS. None of our languages begins with that byte.
[[nodiscard]] inline bool is_tls_alert(byte_view said) noexcept { return !said.empty() && said[0] == std::byte{0x15}; }

[[nodiscard]] inline error wants_tls() {
  return error{errc::protocol_violation, "the server speaks TLS only; it wants a key (--key), or --tls"};
}

}  // namespace tcptools::net
