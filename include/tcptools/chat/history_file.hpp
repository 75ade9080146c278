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

  // Moves what the write-ahead log holds into the file, and removes the log.
  ~history_file() override;

  // All that is in it. Fails with storage_failed if somebody has put into it what no server writes, or a disk has
  // changed it: one line that says in which room.
  [[nodiscard]] result<history_contents> load();

  // A batch that does not fit to what is there (a gap between ids, an unknown room) fails with storage_failed.
  // Forgotten messages and keys are deleted bit by bit, by this and later commits.
  [[nodiscard]] result<void> commit(const history_batch& batch) override;

 private:
  struct parts;
  explicit history_file(std::unique_ptr<parts> all);

  std::unique_ptr<parts> parts_;
};

}  // namespace tcptools::chat
