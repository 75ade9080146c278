// All that a history holds, and whether it holds together.
#pragma once

#include "sqlite.hpp"
#include "tcptools/base/result.hpp"
#include "tcptools/chat/history_store.hpp"

namespace tcptools::chat {

// Fails with storage_failed if there is anything in it that no server has written: the text says in which room.
[[nodiscard]] result<history_contents> read_history(sqlite_database& database);

}  // namespace tcptools::chat
