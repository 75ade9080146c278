// Keys as text: docs/security.md, "Key files".
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/key.hpp"
#include "tcptools/net/secret_bytes.hpp"

namespace tcptools::net {

namespace key_limits {
inline constexpr std::size_t text = 1 << 20;
inline constexpr std::size_t line = 4096;
inline constexpr std::size_t most = 10'000;
}  // namespace key_limits

// Whether a program knows a right, and its value is good. Fails with errc::usage.
using right_check = std::function<result<void>(const key_right&)>;

// A line a key: NAME:BASE64 [RIGHT...], in any number, rights separated by spaces; `#` begins a comment line.
// `from=CIDR[,CIDR...]` and `expires=YYYY-MM-DD[THH:MM:SSZ]` (UTC) are understood here, every other right is shown to
// `check`. Fails with errc::usage, "line 3: ...", without ever showing what could be a secret; also if there is no key
// at all.
[[nodiscard]] result<std::vector<key>> parse_keys(std::string_view text, const right_check& check);

// The line of a fresh key, without a line end: "NAME:BASE64". Fails with errc::usage where NAME is none.
[[nodiscard]] result<secret_bytes> make_key_line(std::string_view name);

}  // namespace tcptools::net
