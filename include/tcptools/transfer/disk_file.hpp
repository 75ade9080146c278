// Files and streams of the operating system, opened for sending.
#pragma once

#include <sys/stat.h>

#include <memory>

#include "tcptools/base/result.hpp"
#include "tcptools/base/unique_fd.hpp"
#include "tcptools/transfer/source.hpp"

namespace tcptools::transfer {

[[nodiscard]] file_identity identity_of(const struct stat& status) noexcept;
[[nodiscard]] timestamp modified_of(const struct stat& status) noexcept;

// It is the file that was found, with the content it had then, as far as size and modification time can tell.
[[nodiscard]] bool holds_same_content(const struct stat& status, const source_item& item) noexcept;

// What failed, on a path of this side: errc::source_missing where it is not there, errc::source_unreadable otherwise.
// `doing` is a verb: "open".
[[nodiscard]] error source_error(int error_number, std::string_view doing, std::string_view origin);

// As source::open. With `follow` the last component may be a symbolic link.
[[nodiscard]] result<std::unique_ptr<source_file>> open_disk_file(const source_item& item, bool follow);

// Opens a fifo or a device without waiting for whoever writes to it.
[[nodiscard]] result<std::unique_ptr<source_stream>> open_disk_stream(const source_item& item);
// `origin` is what error texts call it.
[[nodiscard]] std::unique_ptr<source_stream> stream_from(unique_fd input, std::string origin);

}  // namespace tcptools::transfer
