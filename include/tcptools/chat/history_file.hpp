// Chat history in an SQLite database. docs/chat-history.md describes the file.
#pragma once

#include <memory>
#include <string>

#include "tcptools/base/result.hpp"
#include "tcptools/chat/history_store.hpp"

namespace tcptools::chat {

// One server at a time has a file open. Every call may block; no two at once.
class history_file final : public history_store {
 public:
  // Makes the file if there is none. Fails, and leaves a file as it was, if it is not ours, is damaged, is of a later
  // version, cannot be read or written, or is in use by another server: one line that says which, and what to do.
  [[nodiscard]] static result<std::unique_ptr<history_file>> open(const std::string& path);

  // All that is in it.
  [[nodiscard]] result<history_contents> load();

  [[nodiscard]] result<void> commit(const history_batch& batch) override;
};

}  // namespace tcptools::chat
