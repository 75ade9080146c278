// TLS as those meet it who speak in the clear: its first byte and its alerts (RFC 8446, 5.1 and 6.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tcptools/base/bytes.hpp"
#include "tcptools/base/error.hpp"

namespace tcptools::net {

// The types of records, which are their first bytes. None of our languages begins with one of them.
inline constexpr std::byte tls_alert_record{0x15};
inline constexpr std::byte tls_handshake_record{0x16};

// What a client is told whose server does not do what it expects, so that its TLS library understands it.
enum class tls_alert : std::uint8_t {
  unexpected_message = 10,  // TLS is not spoken here: nobody says so that speaks it and only does not take a key
  handshake_failure = 40,   // nothing but TLS is spoken here
};

// A fatal alert, whole as it is sent.
[[nodiscard]] constexpr std::array<std::byte, 7> record_of(tls_alert what) noexcept {
  constexpr std::byte fatal{2};
  return {
      tls_alert_record, std::byte{3}, std::byte{3}, std::byte{0}, std::byte{2}, fatal, static_cast<std::byte>(what)};
}

// Whether what a server said first can only be an alert.
[[nodiscard]] inline bool is_tls_alert(byte_view said) noexcept { return !said.empty() && said[0] == tls_alert_record; }

[[nodiscard]] inline error wants_tls() {
  return error{errc::protocol_violation, "the server speaks TLS only; it wants a key (--key), or --tls"};
}

}  // namespace tcptools::net
