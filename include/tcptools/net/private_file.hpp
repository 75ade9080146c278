// Files that nobody but their owner may read: keys, and the private keys of certificates.
#pragma once

#include <cstddef>
#include <filesystem>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/net/secret_bytes.hpp"

namespace tcptools::net {

// A regular file of ours or root's that only its owner may read or write; or a pipe or terminal of ours, as in
// `--key <(pass show key)`. Does not wait for whoever should write into a pipe. Fails with errc::usage, and names the
// file and what to do.
[[nodiscard]] result<unique_fd> open_private_file(const std::filesystem::path& file);

// All of it, from such a file. Blocks; a pipe for a minute at most. Fails with errc::usage, and names the file; also if
// it is longer than `at_most` bytes.
[[nodiscard]] result<secret_bytes> read_private_file(const std::filesystem::path& file, std::size_t at_most);

}  // namespace tcptools::net
