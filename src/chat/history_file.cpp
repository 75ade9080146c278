#include "tcptools/chat/history_file.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "history_lock.hpp"
#include "history_reader.hpp"
#include "history_schema.hpp"
#include "history_writer.hpp"
#include "sqlite.hpp"
#include "tcptools/base/text.hpp"

namespace tcptools::chat {
namespace {

// How long a commit waits for a program with which somebody edits the database.
constexpr int editor_patience = 5000;  // milliseconds

// The log is moved into the file every 1000 pages of 4 KiB; one that a large batch made longer is cut to 16 MiB.
constexpr const char* history_settings =
    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY;"
    "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 16777216";

result<void> make_or_check(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return check_history(path);
  if (errno != ENOENT) return storage_error(errno, "cannot open " + in_quotes(path));
  return make_history(path);
}

result<sqlite_database> open_history(const std::string& path) {
  result<sqlite_database> database = sqlite_database::open(path, SQLITE_OPEN_READWRITE);
  if (!database) return database;
  (void)sqlite3_busy_timeout(database->get(), editor_patience);
  const result<std::string> mode = database->ask("PRAGMA journal_mode = WAL");
  if (!mode) return mode.error();
  if (*mode != "wal") return error{errc::storage_failed, "its file system has no shared memory for a write-ahead log"};
  if (const result<void> set = database->run(history_settings); !set) return set.error();
  return database;
}

}  // namespace

struct history_file::parts {
  parts(std::string where, history_lock taken, sqlite_database opened)
      : path{std::move(where)}, lock{std::move(taken)}, database{std::move(opened)} {}

  std::string path;  // without links
  struct stat identity{};
  // The lock goes last, the statements first.
  history_lock lock;
  sqlite_database database;
  std::optional<history_writer> writer;
};

history_file::history_file(std::unique_ptr<parts> all) : parts_{std::move(all)} {}

history_file::~history_file() {
  // Closing does the same, but only if nobody else looks at the database; this does what can be done then.
  (void)sqlite3_busy_timeout(parts_->database.get(), 0);
  (void)sqlite3_wal_checkpoint_v2(parts_->database.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

result<std::unique_ptr<history_file>> history_file::open(const std::string& path) {
  const result<std::string> resolved = resolve_history(path);
  if (!resolved) return resolved.error();
  result<history_lock> lock = history_lock::take(*resolved);
  if (!lock) return lock.error();
  if (const result<void> there = make_or_check(*resolved); !there) return there.error();

  const std::string context = "cannot open " + in_quotes(*resolved);
  result<sqlite_database> database = open_history(*resolved);
  if (!database) return database.error().in(context);
  auto all = std::make_unique<parts>(*resolved, std::move(*lock), std::move(*database));
  if (::stat(resolved->c_str(), &all->identity) != 0) return storage_error(errno, context);
  result<history_writer> writer = history_writer::prepare(all->database);
  if (!writer) return writer.error().in(context);
  all->writer.emplace(std::move(*writer));
  return std::unique_ptr<history_file>{new history_file{std::move(all)}};
}

result<history_contents> history_file::load() {
  result<history_contents> contents = read_history(parts_->database);
  if (!contents) return contents.error().in("cannot use the chat history " + in_quotes(parts_->path));
  return contents;
}

result<void> history_file::commit(const history_batch& batch) {
  const std::string context = "cannot write " + in_quotes(parts_->path);
  // What is written to a file that was removed or renamed would not be found by the next server.
  struct stat now{};
  const bool in_place = ::stat(parts_->path.c_str(), &now) == 0 && now.st_dev == parts_->identity.st_dev &&
                        now.st_ino == parts_->identity.st_ino;
  if (!in_place) return error{errc::storage_failed, context + ": it was removed or replaced, which needs a restart"};
  const result<void> done = parts_->writer->commit(batch);
  if (!done) return done.error().in(context);
  return {};
}

}  // namespace tcptools::chat
