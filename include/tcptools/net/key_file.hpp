// Key files: docs/security.md, "Key files".
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/key.hpp"

namespace tcptools::net {

// Whether a program knows a right, and its value is good. Fails with errc::usage.
using right_check = std::function<result<void>(const key_right&)>;

// A line a key: NAME:BASE64 [RIGHT...], in any number, rights separated by spaces; `#` begins a comment line.
// `from=CIDR[,CIDR...]` and `expires=YYYY-MM-DD[THH:MM:SSZ]` (UTC) are understood here, every other right is shown to
// `check`. Fails with errc::usage, "line 3: ...", without ever showing a secret; also if there is no key at all.
[[nodiscard]] result<std::vector<key>> parse_keys(std::string_view text, const right_check& check);

// Refused if anybody but its owner can read or write it, or if it is neither ours nor root's. Fails with errc::usage,
// and names the file.
[[nodiscard]] result<std::vector<key>> read_key_file(const std::filesystem::path& file, const right_check& check);

// The line of a fresh key, without a line end: "NAME:BASE64". Fails with errc::usage where NAME is none.
[[nodiscard]] result<std::string> make_key_line(std::string_view name);

}  // namespace tcptools::net
