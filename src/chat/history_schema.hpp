// What a history's database looks like: how one is made, and how one is told from what it is not.
#pragma once

#include <string>

#include "tcptools/base/result.hpp"

namespace tcptools::chat {

// Where links lead, as an absolute path, whether or not the file is there yet. Fails if its directory is not there, if
// it is a link that leads nowhere, or if it cannot be a database's.
[[nodiscard]] result<std::string> resolve_history(const std::string& path);

// Makes an empty history under a name that is not in use, complete or not at all. Precondition: this process
// has its history_lock.
[[nodiscard]] result<void> make_history(const std::string& path);

// Whether an existing file is a history, of a version we know, and undamaged. Changes nothing: not the file, not a
// write-ahead log beside it that waits to be read, and leaves no file behind. Precondition: nobody in this process has
// the file open.
[[nodiscard]] result<void> check_history(const std::string& path);

}  // namespace tcptools::chat
