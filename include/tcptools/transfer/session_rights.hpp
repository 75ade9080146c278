// What a key entitles a sender to. docs/security.md, "Key files".
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "tcptools/base/error.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/net/key.hpp"
#include "tcptools/transfer/byte_allowance.hpp"

namespace tcptools::transfer {

struct session_rights {
  // `dir=SUB`: every path of the session is relative to this path below the receiver's directory, and nothing outside
  // of it can be reached or asked about. Empty: all of the receiver's directory.
  std::string directory;
  // `max-bytes=SIZE`: the sum of the sizes of the files that one session may offer.
  std::uint64_t max_bytes = unlimited_bytes;
  // `no-replace`: what is there already stays as it is.
  bool no_replace = false;

  friend bool operator==(const session_rights&, const session_rights&) = default;
};

// Fails with errc::usage where a right is not known, has no good value, or is there twice.
[[nodiscard]] result<session_rights> rights_of(std::span<const net::key_right> rights);

// The same for one right, as net::parse_keys() asks.
[[nodiscard]] result<void> check_right(const net::key_right& right);

}  // namespace tcptools::transfer
