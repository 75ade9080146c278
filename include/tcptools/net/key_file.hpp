// Key files: docs/security.md, "Key files".
#pragma once

#include <filesystem>
#include <vector>

#include "tcptools/base/result.hpp"
#include "tcptools/net/key.hpp"
#include "tcptools/net/key_text.hpp"

namespace tcptools::net {

// The keys that a server takes. Refused if anybody but its owner can read or write the file, or if it is neither ours
// nor root's. Fails with errc::usage, and names the file. Blocks.
[[nodiscard]] result<std::vector<key>> read_key_file(const std::filesystem::path& file, const right_check& check);

// The key that a client shows: the only one in its file, which is refused and fails as above. What it entitles to is
// for the server to say: rights are not looked at.
[[nodiscard]] result<key> read_own_key(const std::filesystem::path& file);

}  // namespace tcptools::net
